"""What of the configuration the data port's transport goes by."""

import pytest
from pydantic import ValidationError

from prism.config.sections.root import Config
from prism.server.data_port import server_config
from prism.wire.networks import Networks


def test_the_longest_life_of_a_connection() -> None:
    """None unless it is set; its grace is the transport's own, and not that of the gateway's stop."""
    assert server_config(config({})).max_connection_age is None
    made = server_config(config({"max_connection_age": 300, "max_connection_age_grace": 20, "drain_timeout": 5}))
    assert (made.max_connection_age, made.drain_timeout) == (300, 20)


def test_proxies_that_send_headers_of_their_own_protocol() -> None:
    """None unless it is asked for."""
    assert server_config(config({"proxies": {"trusted": ["10.0.0.0/8"]}})).proxies is None
    section = {"trusted": ["10.0.0.0/8"], "proxy_protocol": True}
    assert server_config(config({"proxies": section})).proxies == Networks(["10.0.0.0/8"])


@pytest.mark.parametrize("name", ["10.0.0.1/8", "localhost", "10.0.0", "::1/129", ""])
def test_what_is_not_a_network(name: str) -> None:
    """It is named, with what is allowed."""
    with pytest.raises(ValidationError, match="is not a network"):
        config({"proxies": {"trusted": [name]}})


def config(gateway: dict[str, object]) -> Config:
    """A configuration with this section."""
    return Config.model_validate({"gateway": gateway, "namespaces": [{"name": "x", "backend": "memory"}]})
