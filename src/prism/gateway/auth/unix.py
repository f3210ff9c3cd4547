"""Authentication by the user at the other end of a unix socket, as the kernel knows it."""

from collections.abc import Callable

from prism.config.sections.authentication import Unix
from prism.gateway.call import Incoming
from prism.gateway.hops.authenticate import NotAccepted
from prism.principal import Principal


class UnixUsers:
    """The method `unix`."""

    sought = "the call over the unix socket as a listed user"

    def __init__(self, section: Unix, accept: Callable[[Principal], Principal]) -> None:
        self._accept = accept
        self._users = {uid: Principal(name, "unix") for uid, name in section.users.items()}

    def identify(self, incoming: Incoming) -> Principal | None:
        """The caller's user; None where the call came over a network."""
        credentials = incoming.peer.credentials
        if credentials is None:
            return None
        principal = self._users.get(credentials.uid)
        if principal is None:
            raise NotAccepted(f"user {credentials.uid} is not listed")
        return self._accept(principal)

    def why_passed_over(self, incoming: Incoming) -> str:  # noqa: ARG002  # the protocol's
        """Nothing: a header is none of its business."""
        return ""
