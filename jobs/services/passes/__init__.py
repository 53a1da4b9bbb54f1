"""The steps of the scheduler's pass, and what keeps it the only one."""
