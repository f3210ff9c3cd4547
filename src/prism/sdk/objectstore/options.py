"""Times and sizes of ObjectStore that are a matter of configuration."""

from pydantic import ByteSize, Field

from prism.sdk.backend import Config


class ObjectOptions(Config):
    """Options of ObjectStore, the same for each backend that serves it.

    Attributes:
        budget: bytes of memory that all transfers of an instance share; each gets less of it as there are more.
        idle_timeout: seconds without a byte after which a transfer ends.
        upload_ttl: seconds after which an upload by parts that was not completed is removed.
    """

    budget: ByteSize = Field(default=ByteSize(256 << 20), ge=1 << 20)
    idle_timeout: float = Field(default=60.0, gt=0, le=3600)
    upload_ttl: float = Field(default=86_400.0, gt=0, le=30 * 86_400)
