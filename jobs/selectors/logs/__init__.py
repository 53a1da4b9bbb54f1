"""Reads of logs: lines, ends, what is found in them, and as CloudWatch Logs' events and groups."""
