"""TimeSeries on PostgreSQL: a table for each stream, in partitions by time where it keeps its events for a while."""
