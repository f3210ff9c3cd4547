"""Our own backends before the acceptance kit, by every suite that applies; `-k sqlite-grpc` picks one way in."""

from prism.acceptance import PluginAcceptanceHarness

UNSWEPT = {"sweep_interval": 86400.0}
"""Expired items stay in the store, so that no sweep hides a read that would show them."""

memory = PluginAcceptanceHarness("memory", config=UNSWEPT)
sqlite = PluginAcceptanceHarness("sqlite", config=UNSWEPT)
postgres = PluginAcceptanceHarness("postgres", config=UNSWEPT)
redis = PluginAcceptanceHarness("redis", config=UNSWEPT)
nats = PluginAcceptanceHarness("nats")
kafka = PluginAcceptanceHarness("kafka")
files = PluginAcceptanceHarness("files", config=UNSWEPT)
s3 = PluginAcceptanceHarness("s3")
clickhouse = PluginAcceptanceHarness("clickhouse")
opencypher = PluginAcceptanceHarness("opencypher")
gremlin = PluginAcceptanceHarness("gremlin")

# By every suite in every placement. Off the gateway's process by one way in, gRPC, whose requests are the barest: HTTP,
# the client and the binding differ before the placement, not behind it.
memory_sidecar = PluginAcceptanceHarness("memory", config=UNSWEPT, placement="sidecar")
sqlite_sidecar = PluginAcceptanceHarness("sqlite", config=UNSWEPT, placement="sidecar")
postgres_sidecar = PluginAcceptanceHarness("postgres", config=UNSWEPT, placement="sidecar")
redis_sidecar = PluginAcceptanceHarness("redis", config=UNSWEPT, placement="sidecar")
kafka_sidecar = PluginAcceptanceHarness("kafka", placement="sidecar")
nats_sidecar = PluginAcceptanceHarness("nats", placement="sidecar")
files_sidecar = PluginAcceptanceHarness("files", config=UNSWEPT, placement="sidecar")
s3_sidecar = PluginAcceptanceHarness("s3", placement="sidecar")
clickhouse_sidecar = PluginAcceptanceHarness("clickhouse", placement="sidecar")
opencypher_sidecar = PluginAcceptanceHarness("opencypher", placement="sidecar")
gremlin_sidecar = PluginAcceptanceHarness("gremlin", placement="sidecar")
memory_remote = PluginAcceptanceHarness("memory", config=UNSWEPT, placement="remote")
sqlite_remote = PluginAcceptanceHarness("sqlite", config=UNSWEPT, placement="remote")
postgres_remote = PluginAcceptanceHarness("postgres", config=UNSWEPT, placement="remote")
redis_remote = PluginAcceptanceHarness("redis", config=UNSWEPT, placement="remote")
kafka_remote = PluginAcceptanceHarness("kafka", placement="remote")
nats_remote = PluginAcceptanceHarness("nats", placement="remote")
files_remote = PluginAcceptanceHarness("files", config=UNSWEPT, placement="remote")
s3_remote = PluginAcceptanceHarness("s3", placement="remote")
clickhouse_remote = PluginAcceptanceHarness("clickhouse", placement="remote")
opencypher_remote = PluginAcceptanceHarness("opencypher", placement="remote")
gremlin_remote = PluginAcceptanceHarness("gremlin", placement="remote")
