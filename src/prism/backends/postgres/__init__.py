"""The postgres backend: KeyValue and Cache on PostgreSQL, for any number of gateways."""
