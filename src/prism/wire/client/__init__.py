"""The client: channels, connections, and calls as their caller sees them."""
