"""TimeSeries on SQLite: a table for each stream, sorted by time, in Prism's own file."""
