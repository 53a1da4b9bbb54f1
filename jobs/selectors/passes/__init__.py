"""What a scheduling pass reads: a handful of queries, each over live rows only."""
