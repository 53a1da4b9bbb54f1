"""What the engines' supervisors write: contact, logs, use."""
