"""Tables that are there already, in a SQLite file that Prism did not make."""
