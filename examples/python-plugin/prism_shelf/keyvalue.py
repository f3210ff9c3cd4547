"""KeyValue on the table. What is common to all backends comes from the SDK; batches are made of what is here."""

import secrets
from collections.abc import AsyncIterator
from functools import partial
from sqlite3 import Connection

from prism.interfaces import keyvalue as kv
from prism.sdk import keyvalue
from prism.sdk.scan import Page, Range, Selection, list_records, page, scan, scan_stream
from prism_shelf.table import Table

_READ = "SELECT key, value, metadata, version, NULL FROM item WHERE namespace = ? AND id = ? AND key = ?"
_DELETE = "DELETE FROM item WHERE namespace = ? AND id = ? AND (key = ? OR ? IS NULL) RETURNING key"
_SCAN = """SELECT id, key, iif(?, NULL, value), iif(?, NULL, metadata), version, NULL FROM item
WHERE namespace = ? AND (? = x'' OR id = ?) AND key >= ? AND (? IS NULL OR key < ?) AND (id, key) {} (?, ?)
ORDER BY id {}, key {}"""
_IDS = "SELECT DISTINCT id FROM item WHERE namespace = ? AND id >= ? AND (? IS NULL OR id < ?) ORDER BY id {} LIMIT ?"


class ShelfKeyValue(kv.KeyValue, kv.Scan):
    def __init__(self, table: Table) -> None:
        self._table = table

    async def put(self, request: kv.PutRequest, context: kv.Context) -> kv.PutResponse:
        write = partial(_write, context.namespace, request.id.encode())
        items = await self._table.run(lambda table: [write(each, table) for each in request.items])
        return kv.PutResponse(versions=[each.version for each in items])

    async def get(self, request: kv.GetRequest, context: kv.Context) -> kv.GetResponse:
        read = partial(_read, context.namespace, request.id.encode())
        found = await self._table.run(lambda table: [item for key in request.keys if (item := read(key, table))])
        return kv.GetResponse(items=keyvalue.fitting(found))

    async def exists(self, request: kv.ExistsRequest, context: kv.Context) -> kv.ExistsResponse:
        read = partial(_read, context.namespace, request.id.encode())
        return kv.ExistsResponse(keys=await self._table.run(lambda table: [k for k in request.keys if read(k, table)]))

    async def delete(self, request: kv.DeleteRequest, context: kv.Context) -> kv.DeleteResponse:
        def remove(table: Connection) -> list[bytes]:
            place = (context.namespace, request.id.encode())
            return [row[0] for key in request.keys or [None] for row in table.execute(_DELETE, (*place, key, key))]

        gone = await self._table.run(remove)
        return kv.DeleteResponse(keys=gone if request.keys else (), count=len(gone))

    async def scan(self, request: kv.ScanRequest, context: kv.Context) -> kv.ScanResponse:
        return await scan(request, context, self._page)

    def scan_stream(self, request: kv.ScanStreamRequest, context: kv.Context) -> AsyncIterator[kv.ScanStreamResponse]:
        return scan_stream(request, context, self._page)

    async def list_records(self, request: kv.ListRecordsRequest, context: kv.Context) -> kv.ListRecordsResponse:
        return await list_records(request, context, self._ids)

    async def _page(self, wanted: Selection, context: kv.Context) -> Page:
        ordered = _SCAN.format(*("<", "DESC", "DESC") if wanted.reverse else (">", "ASC", "ASC"))
        keys, after = wanted.keys, wanted.after or (b"\xff" * 513 if wanted.reverse else b"", b"")  # beyond every id
        bounds = (keys.first, keys.before, keys.before, *after)
        values = (wanted.keys_only, wanted.keys_only, context.namespace, wanted.id, wanted.id, *bounds)
        return await self._table.run(lambda table: page(table.execute(ordered, values), wanted.limit))

    async def _ids(self, ids: Range, reverse: bool, limit: int, context: kv.Context) -> list[bytes]:
        values = (context.namespace, ids.first, ids.before, ids.before, limit)
        ordered = _IDS.format("DESC" if reverse else "ASC")
        return [row[0] for row in await self._table.run(lambda table: table.execute(ordered, values).fetchall())]


def _read(namespace: str, id_: bytes, key: bytes, table: Connection) -> kv.Item | None:
    row = table.execute(_READ, (namespace, id_, key)).fetchone()
    return keyvalue.item(*row) if row else None


def _write(namespace: str, id_: bytes, written: kv.PutItem, table: Connection) -> kv.Item:
    row = (written.key, written.value, keyvalue.pack_metadata(written), secrets.randbits(63))
    table.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?)", (namespace, id_, *row))
    return keyvalue.item(*row, None)
