"""The clickhouse backend: Sql on tables of a ClickHouse server or cluster that are there already."""
