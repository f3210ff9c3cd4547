"""ClickHouse's HTTP interface over its engine, chDB, which has none: `python -m` this module. For tests alone.

It translates and adds no meaning: statements, settings, parameters, formats, limits and errors are the engine's. A
session of its own serves each request: a new one, or one that has served nothing but reads and inserts with the same
settings, for to make one takes 25 ms. What the engine does not have is not here: users other than those of the
accounts file, quotas, clusters, asynchronous inserts, the mark of an error in mid-answer (the connection is cut).
"""

import argparse
import base64
import importlib
import json
import re
import sys
from collections.abc import Callable, Generator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

READY: Final = "listening on"
_OF_HTTP: Final = frozenset(
    {"query", "database", "query_id", "user", "password", "default_format", "wait_end_of_query", "session_id",
     "compress", "client_protocol_version", "enable_http_compression", "buffer_size"}
)  # fmt: skip
"""Arguments that are HTTP's own; every other one is a setting."""
_FORMAT: Final = re.compile(r"\bFORMAT\s+([A-Za-z]+)\s*;?\s*\Z", re.IGNORECASE)
_INSERT: Final = re.compile(r"\s*INSERT\s", re.IGNORECASE)
_INSERTED: Final = re.compile(rb"(\s*INSERT\s[^\n]*?\sFORMAT\s+\w+)[ \t]*\r?\n", re.IGNORECASE)
_LEAVES_NOTHING: Final = re.compile(r"\s*(?:SELECT|INSERT)\s", re.IGNORECASE)
_KEPT: Final = 64
"""Sessions."""
_KILL: Final = re.compile(r"query_id\s*=\s*'([0-9A-Za-z-]+)'")
_NAMED: Final = "RowBinaryWithNamesAndTypes"
_CODE: Final = re.compile(r"Code: (\d+)\.")
_NOT_A_STREAM: Final = "Streaming query is not supported"
_REFUSED: Final = 516
_CHUNK: Final = 1 << 20


class Refused(Exception):
    """The error that a server would answer with."""

    def __init__(self, said: str) -> None:
        found = said.find("Code: ")
        super().__init__(said[max(found, 0) :])
        code = _CODE.search(said)
        self.code = int(code[1]) if code else 1002


def _session(path: str) -> Any:
    """A session of the engine, which has no types."""
    return importlib.import_module("chdb.session").Session(path)


Settings = tuple[tuple[str, str], ...]


class Sessions:
    """Those that have served, by their settings."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: dict[Settings, list[Any]] = {}

    def take(self, settings: Settings) -> Any:
        """One with these settings; None where there is none."""
        with self._lock:
            found = self._idle.get(settings)
            return found.pop() if found else None

    def give_back(self, settings: Settings, session: Any) -> None:
        """It may serve again; too many are closed."""
        with self._lock:
            if sum(map(len, self._idle.values())) < _KEPT:
                self._idle.setdefault(settings, []).append(session)
                return
        session.close()


_SESSIONS: Final = Sessions()


class Query:
    """One request, in a session of its own."""

    def __init__(self, path: str, arguments: Mapping[str, str], profile: Mapping[str, str]) -> None:
        self._params = {
            name.removeprefix("param_"): text for name, text in arguments.items() if name.startswith("param_")
        }
        identity = arguments.get("query_id", "")
        self._mark = f"\n/* query {identity} */" if identity else ""
        asked = {
            name: value for name, value in arguments.items() if name not in _OF_HTTP and not name.startswith("param_")
        }
        database = arguments.get("database", "")
        self._settings = (*sorted(profile.items()), ("database", database), *sorted(asked.items()))
        self._serves_again = False
        self._session = _SESSIONS.take(self._settings)
        if self._session is None:
            self._session = _session(path)
            self._set(profile)
            self._set(asked)
            if database:
                self._ask(f"USE `{database}`")

    def done(self, statement: str) -> None:
        """It was answered; where the statement can have left nothing in the session, that serves again."""
        self._serves_again = _LEAVES_NOTHING.match(statement) is not None

    def close(self) -> None:
        """Ends the session."""
        if self._serves_again:
            _SESSIONS.give_back(self._settings, self._session)
        else:
            self._session.close()

    def insert(self, statement: str, form: str, data: bytes) -> int:
        """Runs an INSERT with its data; the rows written."""

        def run() -> int:
            with self._session.send_insert(statement + self._mark, form) as inserter:
                for begin in range(0, len(data), _CHUNK):
                    inserter.append(data[begin : begin + _CHUNK])
                return int(inserter.finish().rows_written)

        return int(self._call(run))

    def rows(self, statement: str, form: str) -> Generator[bytes, None, None]:
        """Runs any other statement; what it gives, as it comes."""
        statement = _KILL.sub(r"position(query, '/* query \1 *\/') > 0", statement)
        marked = statement if _INSERT.match(statement) and "VALUES" in statement.upper() else statement + self._mark
        head = b""
        try:
            chunks = iter(self._session.send_query(marked, form, params=self._params))
            try:
                for each in chunks:
                    data = bytes(each.bytes())
                    yield data.removeprefix(head) if form == _NAMED else data  # the engine repeats it in each chunk
                    head = head or (_head_of(data) if form == _NAMED else data[:1])
            finally:
                chunks.close()
            if head:
                return
        except GeneratorExit:
            raise
        except Exception as error:
            if _NOT_A_STREAM not in str(error):
                raise Refused(str(error)) from error
        # What is no SELECT, and a SELECT without rows, whose stream has no names of columns either.
        whole = self._call(lambda: self._session.query(marked, form, params=self._params))
        self.written = int(whole.rows_written())
        yield bytes(whole.bytes() or b"")

    written = 0

    def _set(self, settings: Mapping[str, str]) -> None:
        given = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in settings.items()}
        last = {name: given.pop(name) for name in ("readonly",) if name in given}  # behind it none can be set
        for each in (given, last):
            if each:
                self._ask("SET " + ", ".join(f"{name} = '{value}'" for name, value in each.items()))

    def _ask(self, statement: str) -> None:
        self._call(lambda: self._session.query(statement))

    @staticmethod
    def _call(run: Callable[[], Any]) -> Any:
        try:
            return run()
        except Exception as error:
            raise Refused(str(error)) from error


def _head_of(data: bytes) -> bytes:
    """The names and types before the rows."""

    def number(place: int) -> tuple[int, int]:
        found = shift = 0
        while True:
            found |= (data[place] & 127) << shift
            place, shift = place + 1, shift + 7
            if data[place - 1] < 128:
                return found, place

    count, place = number(0)
    for _ in range(2 * count):
        size, place = number(place)
        place += size
    return data[:place]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written apart
    path_of_data = ""
    accounts = Path()

    def log_message(self, *_: object) -> None:
        """Says nothing of each request."""

    def do_GET(self) -> None:  # as the library calls it
        """Whether it runs, or a statement in the address."""
        if urlsplit(self.path).path == "/ping":
            self._whole(200, b"Ok.\n")
        else:
            self._answer(b"")

    def do_POST(self) -> None:  # as the library calls it
        """A statement, or the data of one."""
        self._answer(self._body())

    def _answer(self, body: bytes) -> None:
        arguments = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        try:
            profile = self._profile(arguments)
            query = Query(self.path_of_data, arguments, profile)
        except Refused as refused:
            self._refuse(refused)
            return
        try:
            self._run(query, arguments.get("query", ""), body)
        except Refused as refused:
            self._refuse(refused)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            query.close()

    def _run(self, query: Query, asked: str, body: bytes) -> None:
        data = body if asked else b""
        if not asked and (inserted := _INSERTED.match(body)):  # data may follow its statement
            asked, data = inserted[1].decode(), body[inserted.end() :]
        statement = asked or body.decode()
        form = self.headers.get("X-ClickHouse-Format", "TabSeparated")
        if found := _FORMAT.search(statement):
            form, statement = found[1], statement[: found.start()]
        if data and _INSERT.match(statement):
            written = query.insert(statement, form, data)
            query.done(statement)
            self._whole(200, b"", {"X-ClickHouse-Summary": json.dumps({"written_rows": str(written)})})
            return
        rows = query.rows(statement + data.decode(), form)
        try:
            first = next(rows, b"")
            second = next(rows, None)
            if second is None:
                query.done(statement)
                summary = json.dumps({"written_rows": str(query.written)})
                self._whole(200, first, {"X-ClickHouse-Format": form, "X-ClickHouse-Summary": summary})
                return
            self._head(200, {"X-ClickHouse-Format": form, "Transfer-Encoding": "chunked"})
            try:
                for each in (first, second):
                    self._chunk(each)
                for each in rows:
                    self._chunk(each)
            except Refused:
                self.close_connection = True  # the head is out: a server would write a mark, which is not ours to make
                return
            query.done(statement)
            self.wfile.write(b"0\r\n\r\n")
        finally:
            rows.close()

    def _profile(self, arguments: Mapping[str, str]) -> Mapping[str, str]:
        """The settings of the account that asks."""
        accounts = json.loads(self.accounts.read_text())
        basic = self.headers.get("Authorization", "").partition("Basic ")[2]
        user, _, key = base64.b64decode(basic).decode().partition(":")
        name = self.headers.get("X-ClickHouse-User") or user or arguments.get("user", "default")
        password = self.headers.get("X-ClickHouse-Key") or key or arguments.get("password", "")
        account = accounts.get(name)
        if account is None or account["password"] != password:
            raise Refused(
                f"Code: {_REFUSED}. DB::Exception: {name}: Authentication failed: password is incorrect, or there is "
                "no user with such name. (AUTHENTICATION_FAILED)"
            )
        settings: Mapping[str, str] = account.get("settings", {})
        return settings

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = []
        while size := int(self.rfile.readline().strip(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _refuse(self, refused: Refused) -> None:
        status = {_REFUSED: 403, 60: 404, 159: 500}.get(refused.code, 500)
        self._whole(status, f"{refused}\n".encode(), {"X-ClickHouse-Exception-Code": str(refused.code)})

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"X-ClickHouse-Timezone": "UTC", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _whole(self, status: int, body: bytes, headers: Mapping[str, str] = {}) -> None:  # never changed
        self._head(status, {**headers, "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))


class Server(ThreadingHTTPServer):
    """A thread for each connection."""

    request_queue_size = 256
    daemon_threads = True


def main() -> None:
    """Serves until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--accounts", type=Path, required=True)
    options = parser.parse_args()
    _session(options.data).query("SELECT 1")
    Handler.path_of_data = options.data
    Handler.accounts = options.accounts
    server = Server(("127.0.0.1", options.port), Handler)
    sys.stdout.write(f"{READY} {server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
