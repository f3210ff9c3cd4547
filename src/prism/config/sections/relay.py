"""The configuration's section `relays`: mailboxes that this gateway relays to queues and topics."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from prism.config.sections.section import Section, refuse
from prism.wire.address import Address


def _place(text: str) -> str:
    namespace, _, name = text.partition("/")
    if not namespace or not name:
        raise refuse("not a place", allowed="NAMESPACE/NAME, such as shop/orders")
    return text


def _endpoint(address: str) -> str:
    try:
        Address.parse(address)
    except ValueError as error:
        raise refuse("not the address of a gateway", allowed="host:port, [IPv6 address]:port or unix:/path") from error
    return address


Place = Annotated[str, AfterValidator(_place)]


class RelaySection(Section):
    """One mailbox that is relayed. Every gateway may have the same: one of them works, and another goes on after it.

    Attributes:
        mailbox: what is read, as NAMESPACE/MAILBOX.
        to: where the messages go, as NAMESPACE/TOPIC.
        abstraction: of the target.
        reader: the name of the mailbox's reader.
        on_refused: what the target refuses for good is set aside as `dead`, or the relay waits with it: `stop`.
        lease: seconds after which another gateway takes over from one that has died.
        token: what the relay authenticates itself with, as any caller does; its rules need `read` and `consume` on the
            mailbox's namespace, and `write` on the target's.
        endpoint: the gateway that it calls; unset: this one, by the first address that it listens on.
        ca: the authorities that sign the gateway's certificate, PEM, where that address speaks TLS.
    """

    mailbox: Place
    to: Place
    abstraction: Literal["queue", "pubsub"] = "queue"
    reader: str = Field(default="relay", min_length=1, max_length=512)
    on_refused: Literal["dead", "stop"] = "dead"
    lease: float = Field(default=10.0, ge=0.05, le=3600)
    token: SecretStr | None = None
    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    ca: Path | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.ca is not None and self.endpoint is not None and self.endpoint.startswith("unix:"):
            raise refuse("`ca` is of an endpoint that speaks TLS, and a unix socket does not", allowed="one of them")
        return self
