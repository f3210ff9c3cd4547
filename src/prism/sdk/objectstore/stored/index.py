"""The index of an object store, in SQLite: which content is under which key, and which blobs a content is made of.

Each function works within a transaction that is open. What commits here is what readers see: a blob that no row names
is nothing. Blobs that no row names any more are remembered as garbage in the same transaction, and removed after it.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from prism.interfaces.objectstore import Object, Part, Properties, Upload
from prism.sdk.objectstore.checksums import known
from prism.sdk.objectstore.stored.blobs import Piece

TABLES: Final = (
    "CREATE TABLE object_state (version INTEGER NOT NULL, content INTEGER NOT NULL)",
    "INSERT INTO object_state (version, content) VALUES (0, 0)",
    """CREATE TABLE object (
        namespace TEXT NOT NULL, key BLOB NOT NULL, version INTEGER NOT NULL, content INTEGER NOT NULL,
        size INTEGER NOT NULL, etag TEXT NOT NULL, modified_at INTEGER NOT NULL, expires_at INTEGER,
        sha256 BLOB, crc32c INTEGER, properties BLOB NOT NULL, PRIMARY KEY (namespace, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX object_content ON object (content)",
    "CREATE INDEX object_expiry ON object (expires_at) WHERE expires_at IS NOT NULL",
    """CREATE TABLE object_piece (
        content INTEGER NOT NULL, position INTEGER NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL, data BLOB,
        PRIMARY KEY (content, position)
    ) WITHOUT ROWID""",
    "CREATE INDEX object_piece_blob ON object_piece (blob) WHERE blob <> ''",
    """CREATE TABLE object_upload (
        id TEXT NOT NULL PRIMARY KEY, namespace TEXT NOT NULL, key BLOB NOT NULL, started_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL, ttl INTEGER, properties BLOB NOT NULL, parts BLOB, answer BLOB
    ) WITHOUT ROWID""",
    "CREATE INDEX object_upload_key ON object_upload (namespace, key, id)",
    "CREATE INDEX object_upload_expiry ON object_upload (expires_at)",
    """CREATE TABLE object_part (
        upload TEXT NOT NULL, number INTEGER NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
        sha256 BLOB NOT NULL, crc32c INTEGER, PRIMARY KEY (upload, number)
    ) WITHOUT ROWID""",
    "CREATE INDEX object_part_blob ON object_part (blob)",
    "CREATE TABLE object_garbage (blob TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
)
"""What a store's migration makes."""

_COLUMNS: Final = "key, version, content, size, etag, modified_at, expires_at, sha256, crc32c, properties"
_LIVE: Final = "(expires_at IS NULL OR expires_at > ?)"


@dataclass(frozen=True, slots=True)
class Content:
    """What an object is made of, before it is under a key.

    Attributes:
        pieces: its blobs, in order; none for the empty content.
        size: bytes of them.
        etag: of the content.
        sha256: of the whole, where it is known.
        crc32c: the same.
    """

    pieces: Sequence[Piece]
    size: int
    etag: str
    sha256: bytes | None = None
    crc32c: int | None = None


class Row(NamedTuple):
    """An object as it is in the index. Times in microseconds since 1970."""

    key: bytes
    version: int
    content: int
    size: int
    etag: str
    modified_at: int
    expires_at: int | None
    sha256: bytes | None
    crc32c: int | None
    properties: bytes

    @property
    def version_text(self) -> str:
        """As callers see it."""
        return f"{self.version:016x}"

    def object(self, *, whole: bool = True) -> Object:
        """As callers see it; in listings without what is long."""
        found = Object(
            key=self.key.decode(),
            size=self.size,
            etag=self.etag,
            version=self.version_text,
            checksum=known(self.sha256, self.crc32c),
        )
        found.modified_at.FromMicroseconds(self.modified_at)
        if self.expires_at is not None:
            found.expires_at.FromMicroseconds(self.expires_at)
        if whole:
            found.properties.ParseFromString(self.properties)
        return found


class UploadRow(NamedTuple):
    """An upload as it is in the index."""

    id: str
    key: bytes
    started_at: int
    expires_at: int
    ttl: int | None
    properties: bytes
    parts: bytes | None
    answer: bytes | None

    def upload(self) -> Upload:
        """As callers see it."""
        found = Upload(key=self.key.decode(), upload=self.id)
        found.started_at.FromMicroseconds(self.started_at)
        found.expires_at.FromMicroseconds(self.expires_at)
        return found


_UPLOAD_COLUMNS: Final = ", ".join(UploadRow._fields)


class Index:
    """The rows, in an open transaction.

    Args:
        connection: with the transaction.
        now: the store's clock, in microseconds since 1970.

    Attributes:
        wasted: blobs have become garbage.
    """

    __slots__ = ("_connection", "now", "wasted")

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        self._connection = connection
        self.now = now
        self.wasted = False

    def get(self, namespace: str, key: str) -> Row | None:
        """The object under a key, unless it has expired."""
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM object WHERE namespace = ? AND key = ? AND {_LIVE}",  # noqa: S608  # constants
            (namespace, key.encode(), self.now),
        ).fetchone()
        return row and Row(*row)

    def pieces(self, content: int) -> list[Piece]:
        """The blobs of a content, in order."""
        rows = self._connection.execute(
            "SELECT blob, size, data FROM object_piece WHERE content = ? ORDER BY position", (content,)
        )
        return [Piece(*row) for row in rows]

    def rows(self, namespace: str, begin: bytes, before: bytes | None, limit: int) -> list[Row]:
        """Objects in byte order of their keys."""
        bounds = [namespace, begin] if before is None else [namespace, begin, before]
        end = "" if before is None else "AND key < ?"
        found = self._connection.execute(
            f"SELECT {_COLUMNS} FROM object WHERE namespace = ? AND key >= ? {end} AND {_LIVE} "  # noqa: S608  # as above
            "ORDER BY key LIMIT ?",
            [*bounds, self.now, limit],
        )
        return [Row(*row) for row in found]

    def put(
        self, namespace: str, key: str, content: Content, properties: Properties | bytes, expires_at: int | None
    ) -> Row:
        """Puts a new content under a key, in place of what was there."""
        number = self._next("content")
        self._connection.executemany(
            "INSERT INTO object_piece (content, position, blob, size, data) VALUES (?, ?, ?, ?, ?)",
            ((number, position, *piece) for position, piece in enumerate(content.pieces)),
        )
        packed = properties if isinstance(properties, bytes) else properties.SerializeToString(deterministic=True)
        row = Row(
            key.encode(), self._version(), number, content.size, content.etag, self.now, expires_at, content.sha256,
            content.crc32c, packed,
        )  # fmt: skip
        return self._replace(namespace, row)

    def copy(self, namespace: str, source: Row, key: str) -> Row:
        """Puts the content of an object under another key too."""
        return self._replace(
            namespace,
            source._replace(key=key.encode(), version=self._version(), modified_at=self.now, expires_at=None),
        )

    def _replace(self, namespace: str, row: Row) -> Row:
        before = self._content(namespace, row.key)
        self._connection.execute(
            f"INSERT OR REPLACE INTO object (namespace, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (namespace, *row),
        )
        if before is not None:
            self._release(before)
        return row

    def delete(self, namespace: str, key: bytes) -> None:
        """Removes an object, if it is there."""
        content = self._content(namespace, key)
        if content is not None:
            self._connection.execute("DELETE FROM object WHERE namespace = ? AND key = ?", (namespace, key))
            self._release(content)

    def _content(self, namespace: str, key: bytes) -> int | None:
        row = self._connection.execute(
            "SELECT content FROM object WHERE namespace = ? AND key = ?", (namespace, key)
        ).fetchone()
        return None if row is None else int(row[0])

    def _release(self, content: int) -> None:
        """One object less has a content; after the last one its blobs are garbage."""
        if self._connection.execute("SELECT 1 FROM object WHERE content = ? LIMIT 1", (content,)).fetchone():
            return
        self._waste("SELECT blob FROM object_piece WHERE content = ?", content)
        self._connection.execute("DELETE FROM object_piece WHERE content = ?", (content,))

    def _next(self, column: str) -> int:
        (number,) = self._connection.execute(
            f"UPDATE object_state SET {column} = {column} + 1 RETURNING {column}"  # noqa: S608  # constants
        ).fetchone()
        return int(number)

    def _version(self) -> int:
        """Never given before; not below the clock, so that none comes again in a store restored from a backup."""
        (number,) = self._connection.execute(
            "UPDATE object_state SET version = max(version + 1, ?) RETURNING version", (self.now,)
        ).fetchone()
        return int(number)

    def start(self, namespace: str, upload: UploadRow) -> None:
        """Begins an upload."""
        self._connection.execute(
            f"INSERT INTO object_upload (namespace, {_UPLOAD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (namespace, *upload),
        )

    def upload(self, namespace: str, key: str, upload: str) -> UploadRow | None:
        """An upload, unless it has expired; one that is complete has an answer."""
        row = self._connection.execute(
            f"SELECT {_UPLOAD_COLUMNS} FROM object_upload "  # noqa: S608  # constants
            "WHERE id = ? AND namespace = ? AND key = ? AND expires_at > ?",
            (upload, namespace, key.encode(), self.now),
        ).fetchone()
        return row and UploadRow(*row)

    def uploads(self, namespace: str, begin: bytes, before: bytes | None, after_id: str, limit: int) -> list[UploadRow]:
        """Uploads under way, by key and id; of the key `begin` those behind an id."""
        end = "" if before is None else "AND key < ?"
        found = self._connection.execute(
            f"SELECT {_UPLOAD_COLUMNS} FROM object_upload WHERE namespace = ? AND (key, id) > (?, ?) {end} "  # noqa: S608
            "AND answer IS NULL AND expires_at > ? ORDER BY key, id LIMIT ?",
            [namespace, begin, after_id, *([] if before is None else [before]), self.now, limit],
        )
        return [UploadRow(*row) for row in found]

    def put_part(self, upload: str, part: Part, blob: str) -> None:
        """Keeps a part in place of the one before of its number."""
        self._waste("SELECT blob FROM object_part WHERE upload = ? AND number = ?", upload, part.number)
        crc = part.checksum.crc32c if part.checksum.HasField("crc32c") else None
        self._connection.execute(
            "INSERT OR REPLACE INTO object_part (upload, number, blob, size, etag, sha256, crc32c) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (upload, part.number, blob, part.size, part.etag, part.checksum.sha256, crc),
        )

    def parts(self, upload: str, after: int = 0, limit: int = -1) -> Iterator[tuple[Part, str]]:
        """The parts of an upload behind a number, each with its blob."""
        rows = self._connection.execute(
            "SELECT number, etag, size, sha256, crc32c, blob FROM object_part WHERE upload = ? AND number > ? "
            "ORDER BY number LIMIT ?",
            (upload, after, limit),
        )
        for number, etag, size, sha256, crc, blob in rows:
            yield Part(number=number, etag=etag, size=size, checksum=known(sha256, crc)), blob

    def complete(self, upload: str, used: Sequence[str], parts: bytes, answer: bytes) -> None:
        """An upload is over: the blobs that its object is made of are the object's, the others garbage."""
        self._connection.executemany("DELETE FROM object_part WHERE blob = ?", ((blob,) for blob in used))
        self._waste("SELECT blob FROM object_part WHERE upload = ?", upload)
        self._connection.execute("DELETE FROM object_part WHERE upload = ?", (upload,))
        self._connection.execute("UPDATE object_upload SET parts = ?, answer = ? WHERE id = ?", (parts, answer, upload))

    def abort(self, upload: str) -> None:
        """Removes an upload with its parts."""
        self._waste("SELECT blob FROM object_part WHERE upload = ?", upload)
        self._connection.execute("DELETE FROM object_part WHERE upload = ?", (upload,))
        self._connection.execute("DELETE FROM object_upload WHERE id = ?", (upload,))

    def _waste(self, blobs: str, *parameters: object) -> None:
        """What a query of blobs gives is garbage; what is empty or in the index has none."""
        text = f"INSERT OR IGNORE INTO object_garbage (blob) {blobs} AND blob <> ''"
        made = self._connection.execute(text, parameters)
        self.wasted = self.wasted or made.rowcount > 0

    def due(self) -> bool:
        """Whether an object or upload has expired and is still there."""
        return (
            self._connection.execute(
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM object WHERE expires_at <= ?) "
                "OR EXISTS (SELECT 1 FROM object_upload WHERE expires_at <= ?)",
                (self.now, self.now),
            ).fetchone()
            is not None
        )

    def sweep(self, limit: int) -> bool:
        """Removes what has expired, up to so many objects and uploads; whether more may be left."""
        objects = self._connection.execute(
            "SELECT namespace, key FROM object WHERE expires_at <= ? ORDER BY expires_at LIMIT ?", (self.now, limit)
        ).fetchall()
        for namespace, key in objects:
            self.delete(namespace, key)
        uploads = self._connection.execute(
            "SELECT id FROM object_upload WHERE expires_at <= ? ORDER BY expires_at LIMIT ?", (self.now, limit)
        ).fetchall()
        for (upload,) in uploads:
            self.abort(upload)
        return limit in (len(objects), len(uploads))

    def garbage(self, limit: int) -> list[str]:
        """Blobs that no row names any more."""
        rows = self._connection.execute("SELECT blob FROM object_garbage LIMIT ?", (limit,))
        return [blob for (blob,) in rows]

    def removed(self, blobs: Sequence[str]) -> None:
        """Garbage is gone for good."""
        self._connection.executemany("DELETE FROM object_garbage WHERE blob = ?", ((blob,) for blob in blobs))

    def unnamed(self, blobs: Sequence[str]) -> list[str]:
        """Those of some blobs that no row names."""
        return [
            blob
            for blob in blobs
            if not self._connection.execute(
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM object_piece WHERE blob = ?1 AND blob <> '') "
                "OR EXISTS (SELECT 1 FROM object_part WHERE blob = ?1) "
                "OR EXISTS (SELECT 1 FROM object_garbage WHERE blob = ?1)",
                (blob,),
            ).fetchone()
        ]

    def any_in(self, namespace: str) -> bool:
        """Whether a namespace holds an object or an upload, expired or not."""
        found: Any = self._connection.execute(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM object WHERE namespace = ?1) "
            "OR EXISTS (SELECT 1 FROM object_upload WHERE namespace = ?1)",
            (namespace,),
        ).fetchone()
        return found is not None
