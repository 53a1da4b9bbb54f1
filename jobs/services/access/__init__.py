"""Who may come in, and what is kept from everybody: tokens, access keys, secrets."""
