"""The context of a server, kept as its files are."""

import asyncio
import errno
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from prism.tls_reload import TlsReload
from prism.wire import Server, server_context


class Papers:
    """A certificate and its key in a folder, and what was told of their changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.defect: Exception | None = None
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self.write()

    def write(self) -> None:
        """Others than before."""
        issued = trustme.CA().issue_cert("localhost")
        issued.private_key_pem.write_to_path(self.folder / "key.pem")
        issued.cert_chain_pems[0].write_to_path(self.folder / "cert.pem")

    def context(self) -> ssl.SSLContext:
        """Of the files as they are; raises the defect, if there is one."""
        if self.defect is not None:
            raise self.defect
        return server_context(self.folder / "cert.pem", self.folder / "key.pem")


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    """Good ones."""
    return Papers(tmp_path)


@asynccontextmanager
async def kept(papers: Papers) -> AsyncIterator[TlsReload]:
    """The renewal of a server that listens."""
    files = [papers.folder / name for name in ("cert.pem", "key.pem")]
    renewal = TlsReload(files, papers.context, papers.told.put_nowait)
    async with Server(lambda _: None) as server:
        await server.listen("127.0.0.1:0", tls=renewal.context)
        keeping = asyncio.create_task(renewal.keep(server, interval=0.2))
        yield renewal
        keeping.cancel()
        await asyncio.wait([keeping])


async def test_a_defect_does_not_end_it(papers: Papers, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong with one change is told as of any other, and the next one is taken."""
    async with kept(papers) as renewal:
        papers.defect = RuntimeError("nobody thought of this")
        renewal.ask()
        assert await papers.told.get() == "it failed unexpectedly (RuntimeError); the log has the details"
        assert "nobody thought of this" in caplog.text
        papers.defect = None
        renewal.ask()
        assert await papers.told.get() == ""


async def test_files_that_become_readable_are_read_again(papers: Papers) -> None:
    """Who writes them first and lets the server read them then has changed no byte in between."""
    async with kept(papers) as renewal:
        papers.defect = PermissionError(errno.EACCES, "Permission denied")
        renewal.ask()
        assert await papers.told.get() == "Permission denied"
        papers.defect = None
        (papers.folder / "key.pem").chmod(0o640)
        assert await papers.told.get() == ""
