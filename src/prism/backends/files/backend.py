"""The files backend, as its host sees it."""

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from prism.backends.files.blobs import FileBlobs
from prism.backends.files.config import FilesConfig
from prism.backends.files.errors import translated
from prism.backends.files.folder import Folder
from prism.backends.files.index_file import IndexFile
from prism.errors import FailedPrecondition, PrismError
from prism.sdk import Context, Deadline, Health, HealthStatus, NoCredentials, Sweeper
from prism.sdk.objectstore.stored import Index, StoredObjects

log = logging.getLogger(__name__)

_SWEEP_BATCH = 100
_PROBE_SECONDS = 1.5
_FEW_INODES = 1000
_HOUSEKEEPING = Context("")


class FilesBackend:
    """ObjectStore in one folder."""

    def __init__(self, config: FilesConfig, _credentials: NoCredentials) -> None:
        self._path = Path(config.path).resolve()
        self._config = config
        synced = config.durability == "synced"
        self._folder = Folder(self._path, synced=synced)
        self._blobs = FileBlobs(self._folder, config.threads, int(config.reserve), synced=synced)
        self._index = IndexFile(self._path / "index.db", config, self._folder.sync_names)
        self._objects = StoredObjects(self._blobs, self._index, config.objects, int(config.inline))
        self._sweeper = Sweeper(self._sweep, config.sweep_interval)
        self._clearing: asyncio.Task[None] | None = None
        self._running = False

    @property
    def identity(self) -> str:
        return f"files:{self._path}"

    @property
    def interfaces(self) -> Sequence[object]:
        return (self._objects,)

    async def start(self) -> None:
        if self._running:
            return
        try:
            await asyncio.to_thread(self._folder.open)
        except OSError as error:
            raise FailedPrecondition(
                f"the folder {self._path} cannot be made or used: {error}; set `path` to a folder on a local disk that "
                "this user may write to"
            ) from error
        try:
            connections = await asyncio.to_thread(self._index.prepare)
        except BaseException:
            self._folder.close(clean=True)
            raise
        self._index.start(connections)
        self._blobs.start()
        self._sweeper.start()
        self._clearing = asyncio.create_task(self._clear(), name="clear what was left")
        self._running = True

    async def attach(self, namespace: str) -> None:
        """Does nothing: a namespace is made by its first write."""

    async def holds_data(self, namespace: str) -> bool:
        return await self._objects.holds_data(namespace)

    async def health(self) -> Health:
        probe = Context("", Deadline.after(_PROBE_SECONDS))
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._index.read(probe, lambda index: index.any_in(""))
            found = os.statvfs(self._path)
        except TimeoutError:
            return Health(HealthStatus.DEGRADED, f"{self._path} answers slowly; look at the disk")
        except PrismError as error:
            return Health(HealthStatus.UNHEALTHY, error.message)
        except OSError as error:
            return Health(HealthStatus.UNHEALTHY, f"{self._path}: {translated(error, None).message}")
        free, inodes = found.f_bavail * found.f_frsize, found.f_favail
        details = {"free_bytes": str(free), "free_inodes": str(inodes)}
        if not self._index.in_place():
            return Health(HealthStatus.UNHEALTHY, self._index.misplaced, details)
        if free < 2 * self._config.reserve:
            return Health(
                HealthStatus.DEGRADED,
                f"the disk of {self._path} has {free} bytes left, of which objects take all but "
                f"{int(self._config.reserve)}; free some space",
                details,
            )
        if found.f_files and inodes < _FEW_INODES:
            return Health(
                HealthStatus.DEGRADED,
                f"the file system of {self._path} has room for {inodes} more files; remove some",
                details,
            )
        if self._index.trouble:
            return Health(HealthStatus.DEGRADED, f"the last write failed: {self._index.trouble}", details)
        return Health(details=details)

    def metrics(self) -> Mapping[str, float]:
        budget = self._objects.budget
        measured = {"object_transfers": float(budget.transfers), "object_bytes_moved": float(budget.moved)}
        try:
            found = os.statvfs(self._path)
        except OSError:  # health says what is wrong
            return measured
        return {
            **measured,
            "disk_free_bytes": float(found.f_bavail * found.f_frsize),
            "disk_free_inodes": float(found.f_favail),
        }

    async def stop(self) -> None:
        if not self._running:
            return
        self._running = False
        clearing, self._clearing = self._clearing, None
        if clearing is not None:
            clearing.cancel()
            await asyncio.wait([clearing])
        await self._sweeper.stop()
        await self._objects.stop()
        await self._index.stop()
        await asyncio.to_thread(self._blobs.stop)
        await asyncio.to_thread(partial(self._folder.close, clean=self._objects.clean))

    async def _sweep(self) -> bool:
        return await self._objects.sweep(_SWEEP_BATCH)

    async def _clear(self) -> None:
        """Removes the blobs that processes left which were killed, and the garbage of the index."""
        loop = asyncio.get_running_loop()

        def unnamed(names: Sequence[str]) -> Sequence[str]:
            read = self._index.read(_HOUSEKEEPING, partial(Index.unnamed, blobs=names))
            return asyncio.run_coroutine_threadsafe(read, loop).result()

        try:
            await self._objects.sweep(_SWEEP_BATCH)
            for instance in await self._blobs.run(self._folder.left):
                count = await self._blobs.run(partial(self._folder.clear, instance, unnamed))
                log.info("%s: removed %d unfinished files that a process left which was killed", self._path, count)
        except (PrismError, OSError) as error:
            log.warning(
                "%s: what a killed process left could not be removed; the next start tries: %s", self._path, error
            )
