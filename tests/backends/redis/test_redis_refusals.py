"""A Redis that answers and refuses the connection is not one that does not answer: the error says what to change."""

import pytest
import redis.exceptions as driver
from redis.asyncio.sentinel import MasterNotFoundError

from backends.redis.conftest import Make, Open
from prism.backends.redis.errors import translate
from prism.errors import BackendUnavailable, FailedPrecondition

A_READ = {"writes": False, "sent": False}


async def test_a_server_with_no_place_left(make_server: Make, open_store: Open) -> None:
    """maxclients is reached; its name is in the message."""
    server = make_server(maxclients="1")
    first = await open_store(server, pool_size=4)
    assert await first.get("r", b"k") is None  # its connection stands
    second = await open_store(server, start=False)
    with pytest.raises(BackendUnavailable, match=r"takes no more connections: raise its maxclients") as caught:
        await second.backend.start()
    assert "does not answer" not in caught.value.message


async def test_a_database_that_is_not_there(make_server: Make, open_store: Open) -> None:
    """Fewer databases than configured: the operator's to correct."""
    server = make_server(databases="2")
    store = await open_store(server, start=False, database=5)
    with pytest.raises(FailedPrecondition, match=r"no database of that number: correct `database`"):
        await store.backend.start()


async def test_a_node_of_a_cluster(make_server: Make, open_store: Open) -> None:
    """It has only one database; the mode is what is wrong."""
    server = make_server(cluster_enabled="yes")
    store = await open_store(server, start=False, database=1)
    with pytest.raises(FailedPrecondition, match=r"set mode: cluster"):
        await store.backend.start()


def test_sentinels_that_name_no_primary() -> None:
    """They answer."""
    error = translate(MasterNotFoundError("no primary of 'x': the sentinels do not know that service"), **A_READ)
    assert error.message.startswith("the sentinels answer, and name no primary: correct sentinel_service")


def test_a_silent_server_still_does_not_answer() -> None:
    """The sentence of the network is kept for the network."""
    for silence in (driver.ConnectionError("Connection closed by server."), ConnectionRefusedError("refused")):
        assert translate(silence, **A_READ).message.startswith("Redis does not answer")
