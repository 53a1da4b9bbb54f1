"""Every write, one verb per function. Arguments are keyword-only; time is a parameter."""
