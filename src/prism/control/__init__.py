"""Everything that is not a request: configuration, snapshots, the upkeep of plugins, what operators ask."""
