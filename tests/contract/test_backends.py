"""Our own backends before the acceptance kit, by every suite that applies; `-k sqlite-grpc` picks one way in."""

from prism.acceptance import PluginAcceptanceHarness
from prism.interfaces.catalogue import interfaces

UNSWEPT = {"sweep_interval": 86400.0}
"""Expired items stay in the store, so that no sweep hides a read that would show them."""

memory = PluginAcceptanceHarness("memory", config=UNSWEPT)
sqlite = PluginAcceptanceHarness("sqlite", config=UNSWEPT)
postgres = PluginAcceptanceHarness("postgres", config=UNSWEPT)
redis = PluginAcceptanceHarness("redis", config=UNSWEPT)
nats = PluginAcceptanceHarness("nats")

# By one way in, gRPC, whose requests are the barest: the others differ before the gateway, not behind it. What speaks
# to the plugin itself (lifecycle, authentication) is the same in every placement.
ABSTRACTIONS = tuple(interfaces())
OFF = (*ABSTRACTIONS, "outage", "honesty")

memory_sidecar = PluginAcceptanceHarness("memory", config=UNSWEPT, placement="sidecar", suites=OFF)
sqlite_sidecar = PluginAcceptanceHarness("sqlite", config=UNSWEPT, placement="sidecar", suites=OFF)
postgres_sidecar = PluginAcceptanceHarness("postgres", config=UNSWEPT, placement="sidecar", suites=OFF)
redis_sidecar = PluginAcceptanceHarness("redis", config=UNSWEPT, placement="sidecar", suites=OFF)
nats_sidecar = PluginAcceptanceHarness("nats", placement="sidecar", suites=OFF)
memory_remote = PluginAcceptanceHarness("memory", config=UNSWEPT, placement="remote", suites=ABSTRACTIONS)
sqlite_remote = PluginAcceptanceHarness("sqlite", config=UNSWEPT, placement="remote", suites=ABSTRACTIONS)
postgres_remote = PluginAcceptanceHarness("postgres", config=UNSWEPT, placement="remote", suites=ABSTRACTIONS)
redis_remote = PluginAcceptanceHarness("redis", config=UNSWEPT, placement="remote", suites=ABSTRACTIONS)
nats_remote = PluginAcceptanceHarness("nats", placement="remote", suites=ABSTRACTIONS)
