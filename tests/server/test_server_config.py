"""What of the configuration the data port's transport goes by."""

from prism.config.sections.root import Config
from prism.server.data_port import server_config


def test_the_longest_life_of_a_connection() -> None:
    """None unless it is set; its grace is the transport's own, and not that of the gateway's stop."""
    assert server_config(config({}), body_limit=1000).max_connection_age is None
    made = server_config(
        config({"max_connection_age": 300, "max_connection_age_grace": 20, "drain_timeout": 5}), body_limit=1000
    )
    assert (made.max_connection_age, made.drain_timeout) == (300, 20)


def config(gateway: dict[str, object]) -> Config:
    """A configuration with this section."""
    return Config.model_validate({"gateway": gateway, "namespaces": [{"name": "x", "backend": "memory"}]})
