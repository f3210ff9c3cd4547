"""How a plugin is found, verified, started and reached, wherever it runs."""
