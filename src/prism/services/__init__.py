"""The standard gRPC services of every server of ours, a gateway's and a plugin's: health and reflection."""

from prism.services.health import HealthService
from prism.services.operations import StandardOperations
from prism.services.standard import described, described_services

__all__ = ["HealthService", "StandardOperations", "described", "described_services"]
