"""Sending events to other places."""
