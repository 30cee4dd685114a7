"""Getting documents back from objects and a private key: one script, which imports nothing of the project."""
