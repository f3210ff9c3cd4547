"""Plain HTTP for objects: translates requests to ObjectStore's operations, and decides nothing else."""

from prism.gateway.objects_http.objects_http import ObjectsHttp
from prism.gateway.objects_http.presign import Presigner
from prism.gateway.objects_http.signing import Signing

__all__ = ["ObjectsHttp", "Presigner", "Signing"]
