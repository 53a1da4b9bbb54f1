"""What is set up before there are jobs: engines, environments, queues, definitions and their like."""
