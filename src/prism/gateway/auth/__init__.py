"""How callers are authenticated, one method a file."""
