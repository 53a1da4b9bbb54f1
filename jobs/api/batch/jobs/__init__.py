"""Jobs: submit, describe, list, stop."""
