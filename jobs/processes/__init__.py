"""The loops of the long-lived processes; the management commands of the same names start them."""
