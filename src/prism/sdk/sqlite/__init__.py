"""SQLite for plugins: threads that own connections, and what its result codes mean."""
