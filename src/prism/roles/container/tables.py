"""The indexed reader and the transaction processor: the plugin of PostgreSQL, with its database by environment.

A gateway reaches it as a remote plugin, and needs to know neither the database nor its login. Any number serve the same
tables; each serves any number of gateways.
"""

from typing import Any, Final

from prism.host.host_options import standalone
from prism.host.plugin_lookup import find
from prism.host.process import PluginProcess
from prism.roles.container.settings import Settings

_PLUGIN: Final = "postgres"
_PUBLIC: Final = "public"


def process(settings: Settings) -> PluginProcess:
    """The process of a reader or processor.

    Raises:
        click.UsageError: it would serve others without TLS, or its files are wrong.
        FailedPrecondition: the plugin is not installed.
    """
    host = settings.prism_listen_host
    options = standalone(
        {
            "log_level": settings.prism_log_level,
            "log_format": settings.prism_log_format,
            "listen": settings.prism_plugin_listen,
            "probes": f"{host}:{settings.prism_health_port}",
            "metrics": f"{host}:{settings.prism_metrics_port}",
            "tls_cert": settings.prism_tls_cert,
            "tls_key": settings.prism_tls_key,
            "tls_client_ca": settings.prism_tls_client_ca,
            "grace": 10.0,
            "idle_timeout": 600.0,
            "allow_uid": (),
        },
        role=settings.prism_plugin_role,
        settled=settled(settings),
    )
    return PluginProcess(find(_PLUGIN), options)


def settled(settings: Settings) -> dict[str, Any]:
    """The options of the backend that the environment settles."""
    assert settings.database_url is not None, "it is required of these roles"  # noqa: S101  # a defect, not an input
    tables = [_parted(each) for each in settings.tables]
    if settings.prism_plugin_role == "reader":
        own: dict[str, Any] = {"collections": {name: {"schema": schema, "table": name} for schema, name in tables}}
        kind = "reader"
    else:
        own = {"collections": {name: {"table": f"{schema}.{name}"} for schema, name in tables}}
        kind = "transact"
    return {
        "connection_string": settings.database_url.get_secret_value(),
        "pool_size": settings.database_pool_size,
        "schema": settings.mailbox_table,
        kind: own,
    }


def _parted(table: str) -> tuple[str, str]:
    schema, _, name = table.rpartition(".")
    return schema or _PUBLIC, name
