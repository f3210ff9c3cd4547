"""What the configuration is read from: a file with its references and secrets, or a value made by hand."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from prism.config.loading import load
from prism.config.secrets import Renewing, SecretProvider
from prism.config.sections.root import Config
from prism.config.specification import Loaded
from prism.file_watch import Signature, changes, signature
from prism.plugins.discovery import MANIFEST, Plugins
from prism.plugins.placement import program_files, version_of
from prism.redactor import Redactor

_GENERATIONS_OF_SECRETS = 4


class Source:
    """One source, read again and again; it knows the secrets that it has lately read."""

    def __init__(
        self, origin: Path | Config, environment: Mapping[str, str], secrets: Sequence[SecretProvider] = ()
    ) -> None:
        """
        Args:
            origin: the file, or a configuration made by hand.
            environment: what `${NAME}` and secrets are looked up in.
            secrets: further places of secrets; closed with it where they are `Renewing`.
        """
        self._origin = origin
        self._environment = environment
        self._secrets = tuple(secrets)
        self._redactors: tuple[Redactor, ...] = ()
        self._seen: Signature = ()
        self._watched: frozenset[Path] = frozenset()

    @property
    def is_file(self) -> bool:
        """Whether it can change by itself."""
        return isinstance(self._origin, Path)

    @property
    def renewing(self) -> Sequence[Renewing]:
        """The places whose secrets end, and are replaced in time."""
        return [each for each in self._secrets if isinstance(each, Renewing)]

    async def load(self, plugins: Plugins) -> Loaded:
        """Reads it, in a thread: a large file takes a while, and calls are being served.

        Raises:
            ConfigInvalid: it cannot be used.
        """
        before = self._signature()
        try:
            loaded = await asyncio.to_thread(load, self._origin, plugins, self._environment, self._secrets)
            self._watched = loaded.watched
            self._remember(loaded.redactor)
        finally:
            # The file as it was before it was read: a change while it was read is seen as one.
            self._seen = (*before[:1], *self._signature()[1:])
        return loaded

    async def watch(self, changed: Callable[[], Awaitable[None]], interval: float) -> None:
        """Calls `changed` whenever the file, or a directory that it draws on, is no longer as it was read.

        Args:
            changed: is to read it again.
            interval: seconds between two looks where the system tells of no change.
        """
        stirred = asyncio.Event()
        while True:
            directories = self._watched
            watcher = asyncio.create_task(changes(directories, stirred, interval))
            try:
                while directories == self._watched:
                    await stirred.wait()
                    stirred.clear()
                    if self._signature() != self._seen:
                        await changed()
            finally:
                watcher.cancel()
                await asyncio.gather(watcher, return_exceptions=True)

    def scrub(self, text: str) -> str:
        """The text without the secrets of the configuration, nor of those that it has lately replaced."""
        for each in self._redactors:
            text = each.scrub(text)
        return text

    async def close(self) -> None:
        """Closes the places of secrets."""
        await asyncio.gather(*(each.close() for each in self.renewing))

    def _remember(self, redactor: Redactor) -> None:
        if not self._redactors or not redactor.knows_as_much_as(self._redactors[0]):
            self._redactors = (redactor, *self._redactors)[:_GENERATIONS_OF_SECRETS]

    def _signature(self) -> Signature:
        if not isinstance(self._origin, Path):
            return ()
        watched = self._watched - {self._origin.absolute().parent}
        plugins = sorted(each for each in watched if (each / MANIFEST).is_file())
        programs = [version_of(*program_files(each)) for each in plugins]
        return (*signature(self._origin, watched.difference(plugins)), *programs)
