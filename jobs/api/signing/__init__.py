"""Signature Version 4: who makes a call."""
