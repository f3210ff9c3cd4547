"""Where data is in Redis, and the scripts that change it."""
