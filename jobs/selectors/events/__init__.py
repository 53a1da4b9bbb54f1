"""Reads of what happened, for who follows it, for who looks at it, and for rules that send it on."""
