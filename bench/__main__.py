"""`python -m bench [WORKLOAD ...]`: runs the workloads named, or all."""

import argparse
import asyncio
import importlib

import uvloop

WORKLOADS = {
    "start": "an idle gateway: start to first answer, resident memory",
    "namespaces": "10,000 namespaces against 10: routing cost, start",
    "keyvalue": "KeyValue.Get through the gateway against the drivers, one caller and 64",
    "redis": "KeyValue.Get and Cache.Get on Redis against redis-py, 64 callers",
    "cost": "the gateway's processor time in a call on each store; one caller beside bare round trips",
    "placements": "the same plugin in process, as a sidecar and remote, beside the plugin called directly",
    "recovery": "a sidecar that is killed: how long its callers are without it",
    "policies": "all policies on against all off; a namespace beside one at ten times its limit",
    "pubsub": "a message from publisher to subscriber, on memory and NATS, one caller and 64",
    "queues": "a message from publisher to handler, beside queues by hand, one publisher and 64",
    "queues_nats": "the same on JetStream, beside nats-py by hand, one publisher and 64",
    "queues_kafka": "publishing to Kafka and consuming from it, beside confluent-kafka called directly",
    "sql": "rows a second of a statement on PostgreSQL beside the cursors of asyncpg and psycopg",
    "transact": "a row and a message beside the same SQL by hand; the relay, from a commit to a consumer",
    "timeseries": "events a second on PostgreSQL beside one insert a call, and beside batches by hand",
    "timeseries_clickhouse": "the same on ClickHouse's engine beside clickhouse-connect; ten million events read",
    "reader": "page 10,000 of a million rows beside page 1, on SQLite and PostgreSQL, and beside OFFSET by hand",
    "graph": "nodes, hops and shortest paths beside SQL by hand and the neo4j driver",
    "objects_s3": "the same on S3, beside Envoy before the same server and its client called directly",
    "objects": "objects of 100 MiB and 1 GiB up and down beside nginx and Envoy; small ones a second",
    "hostile": "a bystander's latency while others attack the same server",
    "wire": "echo and pass-through against grpc.aio, grpclib and Envoy",
}


def main() -> None:
    """Runs what the command line names."""
    listed = "\n".join(f"  {name:12} {summary}" for name, summary in WORKLOADS.items())
    parser = argparse.ArgumentParser(
        prog="make bench ARGS='...'",
        description=f"Measures, and writes tables and plots to bench/results/.\n\nworkloads:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("workloads", nargs="*", choices=[*WORKLOADS, []], metavar="WORKLOAD", help="all unless named")
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # the drivers' callers have the fast loop too
    for name in parser.parse_args().workloads or WORKLOADS:
        importlib.import_module(f"bench.{name}").run()


if __name__ == "__main__":
    main()
