"""What AWS Batch has for SageMaker training: kept and described, never run."""

NOTHING_RUNS = "It is kept and described; service jobs do not run here."
