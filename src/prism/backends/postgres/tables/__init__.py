"""Tables that are there already, in a PostgreSQL database that Prism did not make."""
