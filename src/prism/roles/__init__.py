"""Roles: processes, or tasks of a gateway, that are clients of the data path like any other."""
