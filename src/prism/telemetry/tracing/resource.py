"""What a process says of itself in its traces.

Source: OpenTelemetry semantic conventions, "Resource".
"""

import os
import platform
import uuid
from collections.abc import Mapping
from importlib.metadata import version


def resource(service: str, more: Mapping[str, str]) -> Mapping[str, str]:
    """The attributes of this process.

    Args:
        service: its name.
        more: attributes of the operator's choice; they win.
    """
    own = {
        "service.name": service,
        "service.version": version("prism-gateway"),
        "service.instance.id": str(uuid.uuid4()),
        "host.name": platform.node(),
        "process.pid": str(os.getpid()),
        "telemetry.sdk.name": "prism",
        "telemetry.sdk.language": "python",
    }
    return {**own, **more}
