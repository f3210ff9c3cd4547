"""The server: listening, connections, and calls as a handler sees them."""
