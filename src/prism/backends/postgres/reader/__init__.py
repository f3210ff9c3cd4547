"""Reader on tables of a PostgreSQL database that Prism did not make."""
