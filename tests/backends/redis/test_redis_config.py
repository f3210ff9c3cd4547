"""Options of the redis backend."""

import pytest
from pydantic import ValidationError

from prism.backends.redis.config import RedisConfig


@pytest.mark.parametrize("address", ["redis.internal:6379", "127.0.0.1:1", "[::1]:6379"])
def test_addresses(address: str) -> None:
    """A name, or an address of either kind, and a port."""
    assert RedisConfig(addresses=[address]).addresses == (address,)


@pytest.mark.parametrize("address", ["127.0.0.1", "redis://a:1", "::1:6379", "a:", "a:1/0", "", "a:1\n"])
def test_what_is_no_address_is_told_with_one(address: str) -> None:
    """In words, not as a pattern."""
    with pytest.raises(ValidationError, match="write host:port, such as"):
        RedisConfig(addresses=[address])
