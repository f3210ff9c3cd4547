"""Our own backends before the acceptance kit, by every suite that applies; `-k sqlite-grpc` picks one way in."""

from prism.acceptance import PluginAcceptanceHarness

UNSWEPT = {"sweep_interval": 86400.0}
"""Expired items stay in the store, so that no sweep hides a read that would show them."""

memory = PluginAcceptanceHarness("memory", config=UNSWEPT)
sqlite = PluginAcceptanceHarness("sqlite", config=UNSWEPT)
postgres = PluginAcceptanceHarness("postgres", config=UNSWEPT)

# The client is the way that tells the most of what a caller sees; the others differ before the gateway, not behind it.
memory_sidecar = PluginAcceptanceHarness("memory", config=UNSWEPT, placement="sidecar", ways=("client",))
sqlite_sidecar = PluginAcceptanceHarness("sqlite", config=UNSWEPT, placement="sidecar", ways=("client",))
postgres_sidecar = PluginAcceptanceHarness("postgres", config=UNSWEPT, placement="sidecar", ways=("client",))
memory_remote = PluginAcceptanceHarness("memory", config=UNSWEPT, placement="remote", ways=("client",))
sqlite_remote = PluginAcceptanceHarness("sqlite", config=UNSWEPT, placement="remote", ways=("client",))
postgres_remote = PluginAcceptanceHarness("postgres", config=UNSWEPT, placement="remote", ways=("client",))
