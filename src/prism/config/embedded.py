"""What a gateway serves without a configuration: one namespace on stores beside it, nothing to install or to set up."""

from pathlib import Path

from prism.config.sections.root import BackendEntry, Config, NamespaceEntry

DEFAULT_STORE = Path("prism-data/default.db")
DEFAULT_OBJECTS = Path("prism-data/objects")
"""In the working folder of the gateway."""


def embedded_default() -> Config:
    """The namespace `default`, with a backend for each abstraction that is served out of the box.

    A new abstraction adds a line; abstractions with equal options share one instance.
    """
    sqlite = BackendEntry(
        backend="sqlite", config={"path": str(DEFAULT_STORE), "reader": {"every_table": True}, "sql": "write"}
    )
    backends = {
        "cache": sqlite,
        "graph": sqlite,
        "keyvalue": sqlite,
        "objectstore": BackendEntry(backend="files", config={"path": str(DEFAULT_OBJECTS)}),
        "pubsub": sqlite,
        "queue": sqlite,
        "reader": sqlite,
        "sql": sqlite,
        "timeseries": sqlite,
        "transact": sqlite,
    }
    return Config(namespaces=(NamespaceEntry(name="default", backends=backends),))
