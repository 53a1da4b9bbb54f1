"""A try's life: from the claim of its launch to what is left when it has ended."""
