"""Configuration of the files backend."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ByteSize, Field

from prism.sdk import Config
from prism.sdk.objectstore import ObjectOptions


class FilesConfig(Config):
    """Options of the files backend.

    Attributes:
        path: the folder, on a local disk; it is made where it is missing, for this user alone.
        durability: what an acknowledged write has reached: `synced` is the disk, `store` is the operating system, which
            survives a crash of the gateway but not one of the machine.
        threads: threads that read and write files.
        inline: most bytes of an object that is kept in the index and needs no file; 0 for none.
        reserve: bytes of the disk that no object takes, so that deletes and the index still have room.
        busy_timeout: seconds to wait for another process that writes to the same index.
        sweep_interval: seconds between two searches for expired objects and uploads.
        objects: of ObjectStore.
    """

    path: Path = Path("prism-data/objects")
    durability: Literal["synced", "store"] = "synced"
    threads: int = Field(default=4, ge=1, le=64)
    inline: Annotated[ByteSize, Field(ge=0, le=64 << 10)] = ByteSize(8 << 10)
    reserve: ByteSize = Field(default=ByteSize(16 << 20), ge=0)
    busy_timeout: float = Field(default=5.0, ge=0, le=60)
    sweep_interval: float = Field(default=5.0, gt=0)
    objects: ObjectOptions = ObjectOptions()
