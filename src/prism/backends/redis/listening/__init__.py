"""Messages on their way from Redis."""
