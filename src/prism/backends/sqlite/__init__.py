"""The SQLite backend: the embedded default, one file, every acknowledged write synced to disk."""
