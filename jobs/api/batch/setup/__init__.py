"""What administrators set up, and tags."""
