"""AWS Batch's shapes, made of our rows."""
