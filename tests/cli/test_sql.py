"""`prism sql` against a gateway, and what the client gives from there, with and without `await`."""

import json
import os
import pty
import select
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gateways
from cli.command import Done, prism
from prism.client import Client, InvalidArgument, sync


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a gateway with a table of three rows."""
    folder = tmp_path_factory.mktemp("sql")
    config = {"path": str(folder / "a.db"), "tables": str(folder / "t.db"), "sql": "write"}
    entry = gateways.namespace("d", "sqlite", "sql", **config)
    with gateways.running({"namespaces": [entry]}, folder) as gateway:
        with sync.Client(gateway.data) as client:
            client.sql("d").batch(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
                ("INSERT INTO t VALUES (1, ?1), (2, ?2), (3, NULL)", 'a "b", c', b"\xff"),
            )
        yield gateway.data


async def run(address: str, *arguments: str, stdin: bytes = b"", **environment: str) -> Done:
    """Runs the command on the namespace."""
    return await prism("sql", "d", *arguments, endpoint=address, stdin=stdin, **environment)


async def test_rows_in_each_format(address: str) -> None:
    """As a table, CSV, and an object a line."""
    done = await run(address, "SELECT id, v FROM t ORDER BY id")
    assert (done.code, done.out) == (0, 'id  v\n1   a "b", c\n2   base64:/w==\n3   -\n'), done.err
    assert done.err == "(3 rows)\n"
    done = await run(address, "SELECT id, v FROM t ORDER BY id", "-f", "csv")
    assert done.out == 'id,v\n1,"a ""b"", c"\n2,base64:/w==\n3,\n'
    done = await run(address, "SELECT id, v FROM t ORDER BY id", "--format", "jsonl", "--max-rows", "2")
    assert [json.loads(line) for line in done.out.splitlines()] == [
        {"id": 1, "v": 'a "b", c'},
        {"id": 2, "v": "base64:/w=="},
    ]
    assert "there are more rows" in done.err


async def test_parameters(address: str) -> None:
    """JSON where it is JSON, else text; other kinds by their names."""
    given = [part for each in ("7", "text", "null", '{"bytes": "/w=="}') for part in ("-p", each)]
    done = await run(address, "SELECT ?1, ?2, ?3, ?4", *given, "-f", "csv")
    assert done.out.splitlines()[1] == "7,text,,base64:/w=="
    refused = await run(address, "SELECT ?1", "-p", '{"decimal": "1.0"}')
    assert refused.code != 0
    assert "a value of kind decimal" in refused.err


async def test_writing_must_be_asked_for(address: str) -> None:
    """A statement that reads writes nothing; `--write` says how many rows it met."""
    refused = await run(address, "DELETE FROM t")
    assert refused.code != 0
    assert "only reads" in refused.err
    done = await run(address, "UPDATE t SET v = v WHERE id > ?1 RETURNING id", "-p", "1", "--write", "-f", "jsonl")
    assert (done.code, done.out, done.err) == (0, '{"id": 2}\n{"id": 3}\n', "2 rows affected\n")
    assert (await run(address, "VACUUM", "--write", "--autocommit")).code == 0


async def test_a_script(address: str, tmp_path: Path) -> None:
    """Statements of the standard input; one that fails ends no other."""
    script = b"SELECT 1 AS a;\n\n\\w\nSELEC;\nINSERT INTO t VALUES\n  (9, 'x');\n\\w\nSELECT v FROM t\nWHERE id = 9"
    done = await run(address, "-f", "csv", stdin=script, HOME=str(tmp_path))
    assert done.out == "a\n1\nv\nx\n"
    assert "syntax error" in done.err
    assert "1 row affected" in done.err
    await run(address, "DELETE FROM t WHERE id = 9", "--write")


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self._said = b""
        self._pid, self._terminal = pty.fork()
        if not self._pid:  # the child
            os.environ |= {"TERM": "xterm", "HOME": str(home)}
            os.execv(sys.executable, [sys.executable, "-m", "prism", "sql", *arguments])

    def until(self, wanted: bytes) -> None:
        """Waits until it says so, behind what was waited for before."""
        while wanted not in self._said:
            assert select.select([self._terminal], [], [], 60)[0], (wanted, self._said)
            self._said += os.read(self._terminal, 4096)
        self._said = self._said.partition(wanted)[2]

    def type(self, keys: bytes) -> None:
        """As a person does."""
        os.write(self._terminal, keys)

    def end(self) -> int:
        """Its exit code."""
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def test_a_terminal(address: str, tmp_path: Path) -> None:
    """Lines of before come back by the arrow keys, in the next session too; Ctrl-C drops a line, or what runs."""
    terminal = Terminal(tmp_path, "d", "--endpoint", address)
    terminal.until(b"d> ")
    terminal.type(b"SELECT 40 + 2 AS answer;\r")
    terminal.until(b"answer\r\n42\r\n")
    terminal.until(b"d> ")
    terminal.type(b"SELECT 1,")
    terminal.until(b"1,")
    terminal.type(b"\x03")
    terminal.until(b"d> ")
    terminal.type(b"WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n) SELECT count(*) FROM n;\r")
    terminal.until(b"FROM n;\r\n")
    terminal.type(b"\x03")
    terminal.until(b"d> ")
    terminal.type(b"\\?\r")
    terminal.until(b"Ctrl-D ends")
    terminal.until(b"d> ")
    terminal.type(b"\x04")
    assert terminal.end() == 0
    assert (tmp_path / ".prism_sql_history").stat().st_mode & 0o777 == 0o600
    again = Terminal(tmp_path, "d", "--endpoint", address)
    again.until(b"d> ")
    again.type(b"\x1b[A\x1b[A\x1b[A\r")
    again.until(b"answer\r\n42\r\n")
    again.until(b"d> ")
    again.type(b"\\q\r")
    assert again.end() == 0


async def test_the_client(address: str) -> None:
    """Records by number and by name, one by one, some at a time, or all with whether there are more."""
    async with Client(address) as client:
        sql = client.sql("d")
        found = await sql.query("SELECT id, v FROM t ORDER BY id", max_rows=2)
        assert ([each.name for each in found.columns], found.complete) == (["id", "v"], False)
        assert (found.rows[0]["v"], found.rows[1][1], found.rows[0].as_dict()["id"]) == ('a "b", c', b"\xff", 1)
        assert [row async for row in sql.stream("SELECT id FROM t ORDER BY id")] == [(1,), (2,), (3,)]
        done = await sql.execute("INSERT INTO t (v) VALUES (?1) RETURNING id", "new")
        assert (done.rows_affected, done.rows) == (1, [(4,)])
        first, second = await sql.batch(("DELETE FROM t WHERE id = ?1", 4), "SELECT count(*) AS n FROM t")
        assert (first.rows_affected, second.rows[0]["n"]) == (1, 3)
        with pytest.raises(InvalidArgument):
            await sql.query("SELECT ?1", True)


def test_the_client_without_await(address: str) -> None:
    """The same."""
    with sync.Client(address) as client:
        sql = client.sql("d")
        assert sql.query("SELECT ?1 AS a", 7).rows == [(7,)]
        assert list(sql.stream("SELECT id FROM t ORDER BY id")) == [(1,), (2,), (3,)]
        assert sql.execute("UPDATE t SET v = v").rows_affected == 3
