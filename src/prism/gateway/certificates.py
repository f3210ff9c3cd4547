"""The files of TLS, watched: what connects after a change gets the new certificate, key and authorities, what is open
lives on. A change that cannot be used leaves everything as it was, and the log says why.
"""

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from prism.control import watch
from prism.control.coherence import tls_context, tls_contradictions
from prism.control.config import TlsSection
from prism.telemetry import audit
from prism.telemetry.figure import Figure
from prism.wire import Server

INTERVAL = 5.0
"""Seconds between two looks where the system tells of no change."""

log = logging.getLogger(__name__)


class Certificates:
    """Keeps the contexts of servers as their files are; an async context manager.

    Args:
        interval: seconds between two looks where the system tells of no change.
    """

    def __init__(self, *, interval: float = INTERVAL) -> None:
        self._interval = interval
        self._kept: list[_Kept] = []
        self._tasks: list[asyncio.Task[None]] = []

    def secure(self, option: str, section: TlsSection | None, server: Server) -> ssl.SSLContext | None:
        """The context for a server to listen with, which is kept as the files are from now on; None for clear text.

        Args:
            option: where the section stands in the configuration.
            section: the files.
            server: what listens.

        Raises:
            OSError: a file cannot be read, or is not what it should be.
        """
        if section is None:
            return None
        kept = _Kept(option, section, server)
        self._kept.append(kept)
        self._tasks.append(asyncio.create_task(kept.keep(self._interval), name=f"files of {option}"))
        return kept.context

    def look(self) -> None:
        """Reads the files again, whether or not they seem to have changed."""
        for each in self._kept:
            each.ask()

    def figures(self) -> Iterator[Figure]:
        """For the metrics."""
        counts: dict[tuple[str, ...], float] = {
            (each.option, outcome): count for each in self._kept for outcome, count in each.counts.items()
        }
        about = "Changes of the files of TLS, by what became of them."
        yield Figure("prism_tls_changes", about, counts, ("section", "outcome"), "counter")
        last: dict[tuple[str, ...], float] = {(each.option,): not each.refused for each in self._kept}
        about = "Whether the files of TLS as they are now serve (1), or were refused for those of before (0)."
        yield Figure("prism_tls_last_change_successful", about, last, ("section",))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Kept:
    """The files of one section."""

    def __init__(self, option: str, section: TlsSection, server: Server) -> None:
        self.option = option
        self.counts: Counter[str] = Counter(applied=0, refused=0)
        self.refused = False
        self._section = section
        self._server = server
        found = (section.cert, section.key, section.client_ca, section.client_crl)
        self._files: tuple[Path, ...] = tuple(each for each in found if each is not None)
        self._seen = self._signature()
        self._asked = False
        self._stirred = asyncio.Event()
        self.context = tls_context(section)

    def ask(self) -> None:
        self._asked = True
        self._stirred.set()

    async def keep(self, interval: float) -> None:
        """Until it is cancelled."""
        directories = {each.parent for each in self._files}
        watcher = asyncio.create_task(watch.changes(directories, self._stirred, interval))
        try:
            while True:
                await self._stirred.wait()
                self._stirred.clear()
                now = self._signature()
                if now != self._seen or self._asked:
                    self._seen, self._asked = now, False
                    await self._renew()
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)

    async def _renew(self) -> None:
        try:
            trouble = await asyncio.to_thread(self._trouble)
            if not trouble:
                self.context = await asyncio.to_thread(tls_context, self._section)
                await self._server.renew_tls(self.context)
        except OSError as error:  # also where a file has changed since
            trouble = error.strerror or str(error)
        self.refused = bool(trouble)
        self.counts["refused" if trouble else "applied"] += 1
        if trouble:
            log.warning("%s: the changed files are not used, and those of before are: %s", self.option, trouble)
        else:
            log.info("%s: what connects from now on is shown %s", self.option, self._section.cert)
        outcome = "INVALID_ARGUMENT" if trouble else "OK"
        audit.record("admin", "tls.renew", outcome=outcome, detail={"section": self.option, "message": trouble})

    def _trouble(self) -> str:
        found = tls_contradictions(self._section, tuple(self.option.split(".")))
        return "; ".join(f"{each.message} {each.found}".strip() for each in found)

    def _signature(self) -> watch.Signature:
        return tuple(watch.signature(each, ()) for each in self._files)
