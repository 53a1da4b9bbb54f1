"""Replays a week of jobs on imagined capacity through the very `decide` that places real ones. No Django, no clock."""
