"""CloudWatch Logs' filter patterns: what stands in them, and which lines they match."""
