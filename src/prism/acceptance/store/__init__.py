"""The store that a plugin is tested on, and how it is reached and broken."""
