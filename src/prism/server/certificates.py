"""TLS on the gateway's ports: files and options are replaced without a restart, and each outcome is reported."""

import asyncio
import errno
import logging
import ssl
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from prism.config.cross_validation import tls_context, tls_contradictions
from prism.config.sections.root import TlsSection
from prism.server.handshakes import HandshakeFailures
from prism.telemetry.audit import audit
from prism.telemetry.metrics.metric_family import MetricFamily
from prism.tls_reload import TlsReload
from prism.wire import Server

log = logging.getLogger(__name__)


class Certificates:
    """Keeps the contexts of servers as their files are; an async context manager."""

    def __init__(self) -> None:
        self._ports: list[_Port] = []
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
        port = _Port(option, section)
        self._ports.append(port)
        self._tasks.append(asyncio.create_task(port.renewal.keep(server), name=f"files of {option}"))
        return port.renewal.context

    def configure(self, sections: Mapping[str, TlsSection | None]) -> None:
        """Other sections, by where they stand; a port that has TLS keeps it, and one that has none gets none."""
        for each in self._ports:
            if (section := sections.get(each.option)) is not None:
                each.configure(section)

    def look(self) -> None:
        """Reads the files again, whether or not they seem to have changed."""
        for each in self._ports:
            each.renewal.ask()

    def metrics(self) -> Iterator[MetricFamily]:
        """For the metrics."""
        counts: dict[tuple[str, ...], float] = {
            (each.option, outcome): count for each in self._ports for outcome, count in each.counts.items()
        }
        about = "Changes of the TLS files, by outcome."
        yield MetricFamily("prism_tls_changes", about, counts, ("section", "outcome"), "counter")
        last: dict[tuple[str, ...], float] = {(each.option,): not each.refused for each in self._ports}
        about = "Whether the TLS files as they are now are in use (1), or failed to load (0)."
        yield MetricFamily("prism_tls_last_change_successful", about, last, ("section",))
        failed: dict[tuple[str, ...], float] = {
            (each.option, why): count for each in self._ports for why, count in each.handshakes.counts.items()
        }
        about = "TLS handshakes that failed, by reason."
        yield MetricFamily("prism_tls_handshake_failures", about, failed, ("section", "reason"), "counter")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Port:
    """One section, and what became of its changes."""

    def __init__(self, option: str, section: TlsSection) -> None:
        self.option = option
        self.counts: Counter[str] = Counter(applied=0, refused=0)
        self.refused = False
        self.handshakes = HandshakeFailures(option)
        self._section = section
        self.renewal = TlsReload(_files(section), self._context, self._report)

    def configure(self, section: TlsSection) -> None:
        """What it is to be from now on, as soon as its files are read; until then, and where they cannot, as before."""
        if section != self._section:
            self._section = section
            self.renewal.move(_files(section))

    def _context(self) -> ssl.SSLContext:
        found = tls_contradictions(self._section, tuple(self.option.split(".")))
        if trouble := "; ".join(f"{each.message} {each.found}".strip() for each in found):
            raise OSError(errno.EINVAL, trouble)
        return self.handshakes.watch(tls_context(self._section))

    def _report(self, trouble: str) -> None:
        self.refused = bool(trouble)
        self.counts["refused" if trouble else "applied"] += 1
        if trouble:
            log.warning(
                "section %s: TLS reload failed; the previous certificate stays in use until the files are corrected: "
                "%s",
                self.option,
                trouble,
            )
        else:
            log.info(
                "section %s: TLS reloaded; new connections get the certificate in %s", self.option, self._section.cert
            )
        outcome = "INVALID_ARGUMENT" if trouble else "OK"
        audit.record("admin", "tls.renew", outcome=outcome, detail={"section": self.option, "message": trouble})


def _files(section: TlsSection) -> Sequence[Path]:
    files = (section.cert, section.key, section.client_ca, section.client_crl)
    return [each for each in files if each is not None]
