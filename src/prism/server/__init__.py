"""One gateway process from its parts, and its life."""
