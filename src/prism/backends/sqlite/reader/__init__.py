"""Reader on a SQLite file that Prism did not make."""
