"""Outages: the store killed, frozen, cut off: honest answers meanwhile, everything acknowledged afterwards."""
