"""Reads of who may come in and do what: users, keys, tokens, access policies, secrets, and who did what."""
