"""The memory backend: KeyValue in this process's memory, and the reference for the other backends."""
