"""Configuration of the SQLite backend."""

from pathlib import Path
from typing import Literal

from pydantic import ByteSize, Field, field_validator

from prism.sdk import Config
from prism.sdk.pubsub import PubSubOptions
from prism.sdk.queue import QueueOptions
from prism.sdk.reader.options import ReaderOptions
from prism.sdk.sql import Access
from prism.sdk.timeseries import SeriesOptions
from prism.sdk.transact.options import TransactOptions


class SqliteConfig(Config):
    """Options of the SQLite backend.

    Attributes:
        path: the database file, on a local disk; its folder is made where it is missing, for this user alone.
        durability: what an acknowledged write has reached: `synced` is the disk, `store` is the operating system, which
            survives a crash of the gateway but not one of the machine.
        readers: threads that read, and as many again that scan, each with a connection of its own.
        busy_timeout: seconds to wait for another process that writes to the same file.
        sweep_interval: seconds between two searches for expired items, which free their space in the file.
        reserve: bytes of a file beside the database that is dropped when the disk is full, so that deletes, expiry and
            what fits into the room that they free go on; 0 for none. Below 8 MiB the log is moved into the file more
            often, so that the reserve suffices.
        queue: of Queue.
        pubsub: of PubSub that persists.
        timeseries: of TimeSeries.
        transact: of Transact.
        reader: of Reader.
        tables: the database file of tables that are not Prism's own, which Reader reads, in which Transact writes and
            keeps its mailboxes, and on which Sql runs; unset: beside `path`, its name with `-tables`. It is made where
            it is missing, when Transact, or Sql that may write, first uses it.
        sql: what callers may do in it with statements of their own: nothing (`off`), `read`, or `write`.
        sql_idle_timeout: seconds after which a Query is ended whose caller takes no row.
    """

    path: Path = Path("prism-data/default.db")
    durability: Literal["synced", "store"] = "synced"
    readers: int = Field(default=2, ge=1, le=64)
    busy_timeout: float = Field(default=5.0, ge=0, le=60)
    sweep_interval: float = Field(default=5.0, gt=0)
    reserve: ByteSize = Field(default=ByteSize(8 << 20), ge=0)
    queue: QueueOptions = QueueOptions()
    pubsub: PubSubOptions = PubSubOptions()
    timeseries: SeriesOptions = SeriesOptions()
    transact: TransactOptions = TransactOptions()
    reader: ReaderOptions = ReaderOptions()
    tables: Path | None = None
    sql: Access = "off"
    sql_idle_timeout: float = Field(default=60.0, gt=0, le=3600)

    @field_validator("sql", mode="before")
    @classmethod
    def _off(cls, value: object) -> object:
        """YAML reads `off` as false."""
        return "off" if value is False else value

    @property
    def tables_path(self) -> Path:
        """Where the tables are that are not Prism's own."""
        return self.tables or self.path.with_stem(f"{self.path.stem}-tables")
