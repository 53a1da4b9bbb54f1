"""The format of stored logs and the position in an engine's log: no database, no I/O."""
