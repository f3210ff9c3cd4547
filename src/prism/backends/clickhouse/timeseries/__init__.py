"""TimeSeries on ClickHouse: a table for each stream."""
