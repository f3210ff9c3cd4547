"""KeyValue in one table of a SQLite file: a plugin for Prism."""
