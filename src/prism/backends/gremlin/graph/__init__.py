"""Graph by Gremlin."""
