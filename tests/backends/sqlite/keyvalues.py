"""Short spellings for the tests of the SQLite backend."""

from google.protobuf.duration_pb2 import Duration

from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.keyvalue import SqliteKeyValue
from prism.interfaces.keyvalue import Context, GetRequest, PutItem, PutRequest

HERE = Context("here")


def keyvalue(backend: SqliteBackend) -> SqliteKeyValue:
    """What serves KeyValue."""
    (served,) = [each for each in backend.interfaces if isinstance(each, SqliteKeyValue)]
    assert isinstance(served, SqliteKeyValue)
    return served


def put(id_: str, key: bytes = b"k", value: bytes = b"v", ttl: Duration | None = None) -> PutRequest:
    """Puts one item."""
    return PutRequest(id=id_, items=[PutItem(key=key, value=value, ttl=ttl)])


async def value_of(backend: SqliteBackend, id_: str, key: bytes = b"k") -> bytes | None:
    """What is stored, or None."""
    found = (await keyvalue(backend).get(GetRequest(id=id_, keys=[key]), HERE)).items
    return found[0].value if found else None
