"""Commands on their way to Redis: one server, or a cluster."""
