"""What a job definition holds, member by member as AWS Batch has it, and what a submission changes of it."""
