"""The section `telemetry.traces` of the configuration."""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from prism.config.sections.section import Section, refuse

_HEADER = re.compile(r"[0-9a-z_.-]+")


def _endpoint(endpoint: str) -> str:
    try:
        where = urlsplit(endpoint)
        valid = not endpoint or (where.scheme in ("http", "https") and bool(where.hostname) and where.port != 0)
    except ValueError:
        valid = False
    if not valid or (endpoint and (where.username or where.query or where.fragment)):
        close = f"http://{endpoint}" if re.fullmatch(r"[\w.-]+:\d+", endpoint) else ""
        raise refuse(
            "not the endpoint of an OTLP receiver", allowed="http://host:port or https://host:port", close=close
        )
    return endpoint


def _header(name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise refuse("not the name of a header", allowed="a-z 0-9 _ . -", close=name.lower())
    return name


Header = Annotated[str, AfterValidator(_header)]


class TracesSection(Section):
    """Traces; without `endpoint` none are made, and a caller's `traceparent` is passed on to the plugin as it is.

    Attributes:
        endpoint: of an OTLP receiver, such as `http://localhost:4317`; `https` verifies its certificate. With the
            protocol `http` it is a base: `/v1/traces` is added where the path does not end so.
        protocol: of OTLP; `http` is protobuf over HTTP.
        headers: sent with each request, such as an API key.
        ca: a file of certificates that verify the receiver's, in place of the system's.
        ratio: the share of the calls that is kept by chance, 0 to 1.
        slow: seconds after which a call is kept; a stream has no such bound. Calls that fail are kept too.
        honour_caller: where a caller sends a `traceparent`, its sampled flag decides and not chance. Turn it off where
            callers are not trusted.
        queue: most spans that wait to be sent; later ones are lost, and counted.
        service_name: of this gateway in its traces.
        attributes: of this gateway in its traces, such as `deployment.environment`.
    """

    endpoint: Annotated[str, AfterValidator(_endpoint)] = ""
    protocol: Literal["grpc", "http"] = "grpc"
    headers: dict[Header, SecretStr] = Field(default_factory=dict)
    ca: Path | None = None
    ratio: float = Field(default=0.01, ge=0, le=1)
    slow: float = Field(default=0.5, gt=0, le=3600)
    honour_caller: bool = True
    queue: int = Field(default=10_000, ge=100, le=10_000_000)
    service_name: str = Field(default="prism-gateway", min_length=1)
    attributes: dict[str, str] = Field(default_factory=dict)
