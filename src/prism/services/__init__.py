"""The standard gRPC services of every server of ours, a gateway's and a plugin's: health and reflection."""

from prism.services.health import Health
from prism.services.standard import standard_services

__all__ = ["Health", "standard_services"]
