"""The contestants of the benchmark of the wire: servers that echo, and proxies that pass on what they are sent."""
