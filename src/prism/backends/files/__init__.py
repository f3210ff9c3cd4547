"""The files backend: objects as files in a folder beside the gateway, under random names, and an index in SQLite."""
