"""Envoy's configuration: a proxy between unix sockets, bare or with what a gateway's hops correspond to."""

from typing import Any

_EXTENSIONS = "type.googleapis.com/envoy.extensions"
_HTTP = f"{_EXTENSIONS}.filters.http"
_HTTP2 = {"initial_stream_window_size": 1 << 20, "initial_connection_window_size": 16 << 20}
_FOREVER = "0s"


def configuration(listen: str, upstream: str, *, policies: bool) -> dict[str, Any]:
    """The bootstrap document.

    Args:
        listen: the socket's path.
        upstream: the socket's path.
        policies: with RBAC, a local rate limit that admits everything, and gRPC stats.
    """
    manager = {
        "@type": f"{_EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "codec_type": "HTTP2",
        "generate_request_id": False,
        "http2_protocol_options": {**_HTTP2, "max_concurrent_streams": 1000},
        "stream_idle_timeout": _FOREVER,
        "http_filters": [*(_policies() if policies else ()), _filter("router", "router.v3.Router", {})],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [_route()]}]},
    }
    listener = {
        "name": "data",
        "address": {"pipe": {"path": listen, "mode": 0o600}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    return {"static_resources": {"listeners": [listener], "clusters": [_cluster(upstream)]}}


def _route() -> dict[str, Any]:
    # A deadline is enforced, as the other contestants do, and no other time-out set.
    deadline = {"grpc_timeout_header_max": _FOREVER}
    return {
        "match": {"prefix": "/"},
        "route": {"cluster": "upstream", "timeout": _FOREVER, "max_stream_duration": deadline},
    }


def _cluster(upstream: str) -> dict[str, Any]:
    options = {
        "@type": f"{_EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": _HTTP2},
    }
    endpoint = {"endpoint": {"address": {"pipe": {"path": upstream}}}}
    # Breakers as wide as those of the others, which have none.
    breakers = {"max_connections": 10_000, "max_pending_requests": 10_000, "max_requests": 10_000}
    return {
        "name": "upstream",
        "type": "STATIC",
        "circuit_breakers": {"thresholds": [breakers]},
        "load_assignment": {"cluster_name": "upstream", "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {
            f"{_EXTENSIONS.split('/')[1]}.upstreams.http.v3.HttpProtocolOptions": options
        },
    }


def _policies() -> list[dict[str, Any]]:
    namespace = {"header": {"name": "prism-namespace", "string_match": {"exact": "bench"}}}
    bearer = {"header": {"name": "authorization", "string_match": {"prefix": "Bearer "}}}
    policy = {"permissions": [namespace], "principals": [bearer]}
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    bucket = {"max_tokens": 1 << 30, "tokens_per_fill": 1 << 30, "fill_interval": "1s"}
    limit = {"stat_prefix": "bench", "token_bucket": bucket, "filter_enabled": always, "filter_enforced": always}
    return [
        _filter("rbac", "rbac.v3.RBAC", {"rules": {"action": "ALLOW", "policies": {"bench": policy}}}),
        _filter("local_ratelimit", "local_ratelimit.v3.LocalRateLimit", limit),
        _filter("grpc_stats", "grpc_stats.v3.FilterConfig", {"stats_for_all_methods": True}),
    ]


def _filter(name: str, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": f"{_HTTP}.{kind}", **config}}
