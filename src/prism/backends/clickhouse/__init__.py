"""The clickhouse backend: TimeSeries on ClickHouse, and Sql on tables that are there already."""
