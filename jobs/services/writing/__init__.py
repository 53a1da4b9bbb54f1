"""Tools of all services: how rows are locked, moved and written."""
