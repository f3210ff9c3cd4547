"""How callers prove who they are, one method a file."""
