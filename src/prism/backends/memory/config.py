"""Configuration of the memory backend."""

from pydantic import Field

from prism.sdk import Config


class MemoryConfig(Config):
    """Options of the memory backend.

    Attributes:
        store: names the data: instances of one process with the same name share it while one of them runs.
        sweep_interval: seconds between two searches for expired items, which free their memory.
    """

    store: str = Field(default="default", min_length=1)
    sweep_interval: float = Field(default=5.0, gt=0)
