"""A plugin with an operation of each kind: the way to a backend is tested apart from stores."""
