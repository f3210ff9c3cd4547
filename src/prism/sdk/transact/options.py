"""Options of Transact, the same in every backend that serves it."""

from pydantic import Field

from prism.sdk.backend import Config


class CollectionOptions(Config):
    """A table that rows may be written to.

    Attributes:
        table: its name in the database, `schema.table` where there are schemas; upper and lower case count. Unset: the
            collection's own name.
    """

    table: str | None = Field(default=None, min_length=1)


class TransactOptions(Config):
    """How Transact is served.

    Attributes:
        create: mailboxes make themselves when something is written to them.
        collections: the tables that may be written to, by the name that callers use.
        idle_timeout: seconds without a request after which an interactive transaction is rolled back.
        max_age: seconds after which it is rolled back in any case.
        max_interactive: most interactive transactions of one gateway at a time.
    """

    create: bool = True
    collections: dict[str, CollectionOptions] | None = None
    idle_timeout: float = Field(default=5.0, gt=0, le=3600)
    max_age: float = Field(default=30.0, gt=0, le=86_400)
    max_interactive: int = Field(default=8, ge=1, le=1000)
