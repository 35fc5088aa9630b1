"""Public aids for tests: the backend suite, models, leak checks. Nothing imports this."""
