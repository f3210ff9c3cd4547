"""Where secrets come from.

A provider answers for a name. Vault and its like join by implementing `SecretProvider`, and `Renewing` where what they
give is leased or changes by itself; `Control(secrets=...)` takes them, and they live as long as it does.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

ENVIRONMENT_PREFIX = "PRISM_SECRET_"
MAX_SECRET_BYTES = 1 << 20

SECRET_FIELD = re.compile(r"passw(or)?d|passphrase|pwd|secret|token|private|api_?key|^hash$", re.IGNORECASE)
"""Names of fields whose values are hidden even where their type does not say that they are secret."""


class SecretProvider(Protocol):
    """A place that holds secrets. Asked in a thread of its own: it may wait for a file or a server."""

    def get(self, name: str) -> str | None:
        """The secret, or None where this place has none of that name.

        Raises:
            SecretUnreadable: it is there and cannot be had.
        """
        ...

    def names(self) -> Iterable[str]:
        """The names it knows, for a suggestion; empty where it cannot tell."""
        ...

    def where(self, name: str) -> str:
        """Where it looks for that name, as a phrase for a message; empty where it cannot have one of that name."""
        ...


@runtime_checkable
class Renewing(Protocol):
    """What a provider is besides, whose secrets are leased, or change by themselves.

    It keeps its leases alive on its own, while `changed` is awaited. Names that belong together, such as the two halves
    of one lease in `{{ secret:db/creds/app#username }}` and `...#password`, are asked for in one go: it gives both of
    one lease until `changed` has returned.
    """

    async def changed(self) -> None:
        """Waits until a secret that it has given will not do much longer: a lease that cannot be renewed, a rotation.

        Everything is asked for again then, and instances with other secrets take over without failing a call. What was
        given before must do for `gateway.drain_timeout` more, and until the next `get` where a reload fails.
        """
        ...

    async def close(self) -> None:
        """Nothing that it gave is used any more: leases may be revoked."""
        ...


class SecretUnreadable(Exception):
    """A secret exists and cannot be read; the text says why, and contains nothing secret."""


class EnvironmentSecrets:
    """Secrets in environment variables: `postgres-password` is `PRISM_SECRET_POSTGRES_PASSWORD`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def get(self, name: str) -> str | None:
        return self._environment.get(_variable(name))

    def names(self) -> Iterable[str]:
        prefix = ENVIRONMENT_PREFIX
        return [each.removeprefix(prefix).lower() for each in self._environment if each.startswith(prefix)]

    def where(self, name: str) -> str:
        return f"the environment variable {_variable(name)}"


def _variable(name: str) -> str:
    return ENVIRONMENT_PREFIX + re.sub(r"\W", "_", name, flags=re.ASCII).upper()


class FileSecrets:
    """Secrets in a directory, one file each, as Docker and Kubernetes mount them; one trailing newline is not part, nor
    is a byte order mark.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, name: str) -> str | None:
        if not _is_file_name(name):
            return None
        try:
            with (self._directory / name).open("rb") as stream:
                content = stream.read(MAX_SECRET_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretUnreadable(f"{self.where(name)} cannot be read: {error.strerror}") from error
        if len(content) > MAX_SECRET_BYTES:
            raise SecretUnreadable(f"{self.where(name)} is larger than 1 MiB; store a shorter secret there")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise SecretUnreadable(f"{self.where(name)} is not UTF-8 text; store the secret as UTF-8 there") from None
        return text.removesuffix("\n").removesuffix("\r")

    def names(self) -> Iterable[str]:
        try:
            return sorted(each.name for each in self._directory.iterdir() if not each.name.startswith("."))
        except OSError:
            return []

    def where(self, name: str) -> str:
        return f"the file {self._directory / name}" if _is_file_name(name) else ""


def _is_file_name(name: str) -> bool:
    """Nothing outside the directory, and none of the dot files that Kubernetes keeps there."""
    return "/" not in name and not name.startswith(".")
