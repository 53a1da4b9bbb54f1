"""What users ask of jobs: to submit, rerun, stop and tag them, one by one or in bulk."""
