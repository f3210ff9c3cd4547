"""The built-in backends, one folder each; adding one touches no other folder."""
