"""What a compute environment is asked to be: its resources, its instance types, and what it lends of its machines."""
