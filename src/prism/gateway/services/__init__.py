"""The standard gRPC services of the data port: health and reflection."""

from prism.gateway.services.health import Health
from prism.gateway.services.standard import standard_services

__all__ = ["Health", "standard_services"]
