"""Real gateways for tests: the acceptance kit's, and entries for their configuration."""

from typing import Any

from prism.acceptance.run.gateway_process import GatewayProcess, running, serving

__all__ = ["GatewayProcess", "namespace", "running", "serving"]


def namespace(name: str, backend: str, abstraction: str = "keyvalue", **config: Any) -> dict[str, Any]:
    """One entry of the configuration's `namespaces`."""
    return {"name": name, "abstraction": abstraction, "backend": backend, "config": config}
