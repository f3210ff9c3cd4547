"""The standard gRPC services of every server of ours, a gateway's and a plugin's: health and reflection."""

from prism.services.health import Health
from prism.services.standard import described, described_services, standard_services

__all__ = ["Health", "described", "described_services", "standard_services"]
