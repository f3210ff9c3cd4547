"""The memory backend: KeyValue in this process's memory, and the reference that the others are read against."""
