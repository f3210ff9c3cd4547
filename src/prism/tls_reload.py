"""The files of TLS of one server, watched: what connects after a change gets the new certificate, key and authorities,
what is open lives on. A change that cannot be used leaves everything as it was.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

from prism.file_watch import Signature, changes, signature
from prism.wire import Server

INTERVAL = 5.0
"""Seconds between two checks where the system reports no change."""

log = logging.getLogger(__name__)


class TlsReload:
    """Keeps the context of a server as its files are.

    Attributes:
        context: of the files as they were when it was made: what the server is to begin with.
    """

    def __init__(
        self, files: Sequence[Path], make: Callable[[], ssl.SSLContext], report: Callable[[str], None]
    ) -> None:
        """
        Args:
            files: that the context is made of.
            make: makes it, in a thread; raises `OSError` where the files do not do for one.
            report: called for each change with why it was not taken; with an empty text where it was.

        Raises:
            OSError: as `make` does.
        """
        self._files = files
        self._make = make
        self._report = report
        self._seen = self._signature()
        self._asked = False
        self._moved = False
        self._stirred = asyncio.Event()
        self.context = make()

    def ask(self) -> None:
        """The files are to be read again, whether or not they seem to have changed."""
        self._asked = True
        self._stirred.set()

    def move(self, files: Sequence[Path]) -> None:
        """The context is made of other files from now on, which are read at once."""
        self._files = files
        self._moved = True
        self.ask()

    async def keep(self, server: Server, interval: float = INTERVAL) -> None:
        """Gives the server what the files have become, until it is cancelled.

        Args:
            server: whose context it is.
            interval: seconds between two checks where the system reports no change.
        """
        watcher = self._watch(interval)
        try:
            while True:
                await self._stirred.wait()
                self._stirred.clear()
                if self._moved:
                    self._moved = False
                    await _ended(watcher)
                    watcher = self._watch(interval)
                now = self._signature()
                if now != self._seen or self._asked:
                    self._seen, self._asked = now, False
                    await self._renew(server)
        finally:
            await _ended(watcher)

    def _watch(self, interval: float) -> "asyncio.Task[None]":
        directories = {each.absolute().parent for each in self._files}
        return asyncio.create_task(changes(directories, self._stirred, interval))

    async def _renew(self, server: Server) -> None:
        trouble = ""
        try:
            server.reload_tls(await asyncio.to_thread(self._make))
        except OSError as error:
            trouble = error.strerror or str(error)
        except Exception as error:
            # The next change is to be seen all the same, or one defect would let the certificate expire.
            log.exception(
                "TLS reload failed with an unexpected error; the previous certificate stays in use; this is a defect "
                "in Prism: report it with the traceback below"
            )
            trouble = f"it failed unexpectedly ({type(error).__name__}); the log has the details"
        self._report(trouble)

    def _signature(self) -> Signature:
        return tuple(signature(each, ()) for each in self._files)


async def _ended(watcher: "asyncio.Task[None]") -> None:
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)
