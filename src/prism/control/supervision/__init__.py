"""The upkeep of one instance: started, probed, replaced, started again."""
