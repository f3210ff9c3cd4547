"""What a backend can do for one abstraction: the capabilities that all abstractions have in common.

An abstraction adds its own in a subclass, in a module of its name in this folder. The manifest of a plugin declares
them (`prism.sdk.capabilities`); what is not declared is refused with UNIMPLEMENTED.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from prism.errors import Unimplemented


class Capabilities(BaseModel):
    """What every abstraction asks of its backend. The defaults promise nothing.

    Attributes:
        durability: what an acknowledged write has reached: no disk, the store, or the store's disk, synced.
        read_your_writes: an acknowledged write is seen by every later read, through any gateway.
        max_item_size: most bytes in one value.
        max_batch_items: most elements in one request.
        max_payload: most bytes in one request, and in one answer to a read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    durability: Literal["none", "store", "synced"] = "none"
    read_your_writes: bool = True
    max_item_size: int = Field(default=1 << 20, gt=0)
    max_batch_items: int = Field(default=1000, gt=0)
    max_payload: int = Field(default=4 << 20, gt=0)

    def declares(self, name: str) -> bool:
        """Whether the capability `name` is there, in whatever degree."""
        return getattr(self, name, False) not in (False, "none")

    def require(self, name: str, what: str) -> None:
        """Passes where the capability is declared.

        Raises:
            Unimplemented: it is not; `what` is what would have needed it.
        """
        if not self.declares(name):
            raise undeclared(name, what)


def undeclared(name: str, what: str) -> Unimplemented:
    """The refusal of `what`, which needs the capability `name`."""
    return Unimplemented(f"{what} needs the capability {name!r}, which this backend does not declare", capability=name)
