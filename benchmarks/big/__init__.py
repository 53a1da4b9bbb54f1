"""A database with a year of history: a million jobs. `python -m benchmarks big_database` builds it."""
