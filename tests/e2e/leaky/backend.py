"""The leaky plugin's code: what careless drivers do, all of it."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from leaky.config import LeakyConfig, LeakyCredentials
from prism.errors import BackendUnavailable, InvalidArgument
from prism.interfaces.keyvalue import KeyValue
from prism.sdk import Health, HealthStatus

log = logging.getLogger("leaky")


class LeakyKeyValue(KeyValue):
    """Fails with the password in its mouth."""

    def __init__(self, password: str) -> None:
        self._password = password

    async def get(self, request: Any, context: Any) -> Any:
        raise BackendUnavailable(f"login with {self._password} failed") from ValueError(self._password)

    async def put(self, request: Any, context: Any) -> Any:
        raise RuntimeError(f"defect while using {self._password!r}")

    async def delete(self, request: Any, context: Any) -> Any:
        log.warning("about to delete", extra={"connection": {"text": self._password}, "why": [self._password]})
        raise InvalidArgument(f"not with {self._password}")

    exists = get


class LeakyBackend:
    """Starts and is probed with the password in its mouth."""

    def __init__(self, config: LeakyConfig, credentials: LeakyCredentials) -> None:
        self._config = config
        self._username = credentials.username
        self._password = credentials.password.get_secret_value()

    @property
    def identity(self) -> str:
        return f"leaky:{self._password}"

    @property
    def interfaces(self) -> Sequence[object]:
        return (LeakyKeyValue(self._password),)

    async def start(self) -> None:
        log.info("connecting to %s as %s with %s", self._config.url, self._username, self._password)
        if self._config.fails:
            raise ValueError(f"cannot connect to {self._config.url} with {self._password}")

    async def attach(self, namespace: str) -> None: ...

    async def holds_data(self, namespace: str) -> bool:
        return False

    async def health(self) -> Health:
        return Health(HealthStatus.DEGRADED, f"slow with {self._password}", {"dsn": f"x://u:{self._password}@h"})

    def metrics(self) -> Mapping[str, float]:
        return {"pool_size": 1.0}

    async def stop(self) -> None:
        log.info("leaving %s", self._password)
