"""Which job goes where, and why the others wait: pure functions of a frozen snapshot and `now`."""
