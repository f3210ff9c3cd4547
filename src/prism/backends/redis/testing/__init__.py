"""Redis for tests: servers, clusters, and one that runs already."""
