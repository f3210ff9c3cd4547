"""Settings are checked where they are made."""

import pytest

from prism.wire import ChannelConfig, ServerConfig


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_message_size", -1),
        ("max_header_list_size", 10),
        ("max_frame_size", 100),
        ("max_frame_size", 1 << 24),
        ("initial_stream_window", -1),
        ("max_stream_window", 10),
        ("connection_window", 10),
        ("write_timeout", 0),
        ("keepalive_timeout", -1.0),
        ("flood_allowance", 0),
        ("max_concurrent_streams", 0),
        ("handshake_timeout", 0),
        ("backlog", 0),
    ],
)
def test_a_server_setting_out_of_bounds(field: str, value: float) -> None:
    """The message has the field, what was found and what is allowed."""
    with pytest.raises(ValueError, match=f"{field} is {value}: it must be"):
        ServerConfig(**{field: value})  # type: ignore[arg-type]


def test_a_channel_setting_out_of_bounds() -> None:
    """The same for channels."""
    with pytest.raises(ValueError, match="connect_timeout is 0"):
        ChannelConfig(connect_timeout=0)
    with pytest.raises(ValueError, match="user_agent"):
        ChannelConfig(user_agent="line\nbreak")


def test_no_limit_is_a_choice() -> None:
    """Times may be None where that has a meaning."""
    assert ServerConfig(keepalive_interval=None, idle_timeout=None).keepalive_interval is None
