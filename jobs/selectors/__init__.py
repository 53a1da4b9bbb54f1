"""Every read. Nothing here writes."""
