"""The list of jobs: its filters, its pages in several orders and its counts, and AWS's ListJobs."""
