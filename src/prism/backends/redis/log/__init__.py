"""PubSub that persists on Redis: a stream for each namespace."""
