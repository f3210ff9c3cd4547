"""Options of TimeSeries, the same in every backend that serves it."""

from pydantic import ByteSize, Field

from prism.sdk.backend import Config


class SeriesOptions(Config):
    """How TimeSeries is served.

    Attributes:
        create: streams make themselves, without fields, when something is appended to them.
        exact_values: most values that percentiles of one call look at.
        max_groups: most groups of one call.
        progress_interval: seconds after which a tail that has nothing to send says where it stands.
        buffer_bytes: bytes of the newest events of a stream that are kept at hand for all its tails; one that is
            further behind reads from the store.
    """

    create: bool = True
    exact_values: int = Field(default=1_000_000, ge=1)
    max_groups: int = Field(default=100_000, ge=1)
    progress_interval: float = Field(default=10.0, gt=0, le=3600)
    buffer_bytes: ByteSize = Field(default=ByteSize(8 << 20), gt=0)
