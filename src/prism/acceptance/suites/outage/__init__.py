"""Outages: the store killed, frozen, cut off, full: honest answers meanwhile, everything acknowledged afterwards."""
