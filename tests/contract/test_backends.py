"""Our own backends before the acceptance kit, by every suite that applies; `-k sqlite-grpc` picks one way in."""

from prism.acceptance import PluginAcceptanceHarness

UNSWEPT = {"sweep_interval": 86400.0}
"""Expired items stay in the store, so that no sweep hides a read that would show them."""

memory = PluginAcceptanceHarness("memory", config=UNSWEPT)
sqlite = PluginAcceptanceHarness("sqlite", config=UNSWEPT)
postgres = PluginAcceptanceHarness("postgres", config=UNSWEPT)
