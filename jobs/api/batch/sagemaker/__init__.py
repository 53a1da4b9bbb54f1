"""What AWS Batch has for SageMaker training: kept and described, never run."""
