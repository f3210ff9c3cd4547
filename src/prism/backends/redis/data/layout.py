"""Where things are in Redis, by the names of their keys.

    prefix:{namespace NUL id} NUL i key    an item: version, expiry, metadata, value; expires by Redis' own clock, which
                                           counts milliseconds: at the end of the one that its expiry falls into
    prefix:{namespace NUL id} NUL k        sorted set, all scores 0: the keys of a record, in byte order
    prefix:{namespace NUL id} NUL x        sorted set: those of them that expire, by when (ms since 1970)
    prefix:{namespace NUL id} NUL -        nothing, ever: scripts.py says what for
    prefix:{namespace NUL id} NUL d token  the versions that a put with this idempotency key wrote; 24 hours
    prefix:{namespace} NUL r               sorted set, all scores 0: the ids of records, in byte order
    prefix:{namespace} NUL t               sorted set: those with items that expire, by when the next one does
    prefix:{namespace} NUL d token         the fingerprint that an idempotency key came with; 24 hours
    prefix:namespace NUL key               an entry of the cache: its value, as it is

of PubSub that persists:

    prefix:{namespace} NUL p               stream: the messages; its groups say how far it reaches (log.lua)

of queues, where all of a namespace is in one place (docs/decisions/0014-queue-on-redis.md says why), and everything of
a topic or group but its own record is named by its number:

    prefix:{namespace} NUL qt              sorted set, all scores 0: the names of topics, in byte order
    prefix:{namespace} NUL qn              the last number given to a topic or group
    prefix:{namespace} NUL qT topic        hash, a topic: number, configuration, last message, bytes, when one expires
    prefix:{namespace} NUL qI key          what an idempotency key was used for; 24 hours
    prefix:{namespace} NUL qm topic        stream: the messages
    prefix:{namespace} NUL qx topic        sorted set: messages with a delay or a ttl, by when they expire
    prefix:{namespace} NUL qf topic        hash: messages that came as dead letters, by their ids
    prefix:{namespace} NUL qg topic        set: the names of its groups
    prefix:{namespace} NUL qG topic NUL group   hash, a group: number, configuration, place in the log, counters
    prefix:{namespace} NUL qe group        hash: what the group knows of messages, its rows, by message
    prefix:{namespace} NUL qw group        sorted set: rows that wait, by when they are due
    prefix:{namespace} NUL qz group        sorted set: rows behind one of their key, by when they were due
    prefix:{namespace} NUL qi group        sorted set: rows in flight, by when their lease ends
    prefix:{namespace} NUL qd group        sorted set: the dead, by when they died
    prefix:{namespace} NUL qr group        sorted set: rows with an expiry of their own, by that
    prefix:{namespace} NUL qb group        hash: messages that it still has and the log has not
    prefix:{namespace} NUL qh group        hash: those of them that came as dead letters, by their ids
    prefix:{namespace} NUL qk group        hash: ordering keys with a message that is waiting or in flight
    prefix:{namespace} NUL ql group NUL key       list: the messages of a key that are behind it
    prefix:{namespace} NUL qs group NUL session   set: what a stream has
    prefix:{namespace} NUL qp group NUL consumer  set: what is kept for a consumer whose stream broke
    prefix:{namespace} NUL qa group NUL epoch NUL message   which delivery acknowledged a message, if not the first
    prefix:{} NUL qs                       what receipts are sealed with

and of its channels, which are in no database and so name it:

    prefix:{namespace} NUL number NUL topic   the messages of a topic
    prefix:{namespace} NUL number NUL >       all messages of the namespace, whatever their topic
    prefix:{namespace} NUL number NUL NUL queue   what has changed in queues

In a cluster what stands in braces decides on the node, so that all of a record is in one place and one script changes
it as a whole. Namespaces hold neither braces nor NUL and ids no NUL, so that no two names are ever the same.
"""

import struct
from typing import Final, NamedTuple

NOTHING: Final = b"-"
"""Ends the name of what is never there."""

HEADER: Final = struct.Struct(">8sQI")
"""Before an item's metadata and value: version, expiry in us since 1970 (0: none), length of the metadata."""


class Names:
    """The names of one prefix."""

    __slots__ = ("_prefix",)

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix.encode() + b":"

    def record(self, namespace: str, id_: bytes) -> bytes:
        """What the names of everything in a record begin with."""
        return b"%b{%b\0%b}\0" % (self._prefix, namespace.encode(), id_)

    def namespace(self, namespace: str) -> bytes:
        """What the names of everything that spans a namespace's records begin with."""
        return b"%b{%b}\0" % (self._prefix, namespace.encode())

    def channel(self, namespace: str, database: int, topic: str) -> bytes:
        """Where a topic's messages pass; `>` for those of all topics: no topic is called so."""
        return b"%b{%b}\0%d\0%b" % (self._prefix, namespace.encode(), database, topic.encode())

    def cached(self, namespace: str, key: bytes) -> bytes:
        """An entry of the cache."""
        return b"%b%b\0%b" % (self._prefix, namespace.encode(), key)


class Stored(NamedTuple):
    """An item as it is stored: the columns of `prism.sdk.scan.Row` but for record and key."""

    value: bytes | None
    metadata: bytes | None
    version: int
    expires_at: int | None


_CUT_SHORT: Final = Stored(None, None, -1, None)
"""No item has that version, so that `prism.sdk.keyvalue.item` refuses it."""


def unpack(stored: bytes, *, header_only: bool = False) -> Stored:
    """The parts of an item; of its header alone (20 bytes), no value and no metadata."""
    if len(stored) < HEADER.size:
        return _CUT_SHORT
    version, due, length = HEADER.unpack_from(stored)
    middle = HEADER.size + length
    if header_only:
        return Stored(None, None, int.from_bytes(version, "big"), due or None)
    if len(stored) < middle:
        return _CUT_SHORT
    return Stored(stored[middle:], stored[HEADER.size : middle], int.from_bytes(version, "big"), due or None)


def pack_body(metadata: bytes, value: bytes) -> bytes:
    """What follows version and expiry, which the script fills in by Redis' clock."""
    return len(metadata).to_bytes(4, "big") + metadata + value
