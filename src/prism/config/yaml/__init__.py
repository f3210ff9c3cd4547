"""YAML with the place of everything in it, and what is wrong with it in words."""
