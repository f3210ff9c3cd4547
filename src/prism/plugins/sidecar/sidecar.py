"""The placement `sidecar`: a process beside the gateway, which starts it and talks to it over a unix socket.

From its start to its end one process is a `SidecarProcess`. When it ends by itself the instance refuses calls at once,
and control starts it again.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from prism.errors import BackendUnavailable, Outcome, PrismError
from prism.plugins import trust
from prism.plugins.discovery import Plugin
from prism.plugins.placement import Command
from prism.plugins.rpc import translation
from prism.plugins.rpc.affinity import Subject
from prism.plugins.rpc.endpoint import Endpoint
from prism.plugins.rpc.instance import RpcInstance
from prism.plugins.sidecar.child import cpu_seconds, resident_memory
from prism.plugins.sidecar.limits import in_force
from prism.plugins.sidecar.output import Output
from prism.plugins.sidecar.process import SidecarProcess
from prism.plugins.sidecar.start_queue import StartQueue
from prism.reason import Reason
from prism.sdk.backend import Health
from prism.telemetry.audit import audit
from prism.wire import Deadline

SHUTDOWN_TIMEOUT = 5.0

log = logging.getLogger(__name__)


class Sidecar(RpcInstance):
    """An instance in a process that the gateway starts."""

    __slots__ = ("_command", "_ends", "_output", "_plugin", "_queue", "_resting", "_run", "_starts")

    def __init__(
        self,
        plugin: Plugin,
        command: Command,
        config: Mapping[str, Any],
        credentials: Mapping[str, Any],
        scrub: Callable[[str], str],
        starts: StartQueue | None = None,
    ) -> None:
        """
        Args:
            plugin: what runs.
            command: how it is started.
            config: its options, as they were written.
            credentials: the same.
            scrub: removes secrets from a text that it prints.
            starts: where its process waits for its turn to start; None for a queue of its own.
        """
        super().__init__(plugin, config, credentials)
        self._plugin = plugin
        self._command = command
        self._output = Output(plugin.name, scrub)
        self._run: SidecarProcess | None = None
        self._resting = False
        self._starts = 0
        self._queue = starts or StartQueue()
        self._ends: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """Starts the process and waits until it serves; it does not open the store yet.

        Raises:
            FailedPrecondition: its files cannot be trusted, it does not start, or it is not a Prism plugin.
        """
        if self._run is not None:
            return
        await asyncio.to_thread(trust.check, self._command.files)
        self._starts += 1
        self._stopped = False
        self.lost.clear()
        run = SidecarProcess(self._plugin, self._command, self._output, self.instance, self._queue)
        try:
            endpoint = await run.open(self._known, self._max_message_size)
        except BaseException:
            await run.close(SHUTDOWN_TIMEOUT)
            raise
        self._run = run
        run.child.exited.add_done_callback(lambda _: self._on_exit(run))
        log.info("plugin %s was started as the process with pid %d", self.backend, run.child.pid)
        self._record("plugin.process_started", pid=run.child.pid, starts=self._starts)
        self._store = self._store or endpoint.store

    async def start(self) -> None:
        """Starts the process where there is none, and the instance in it."""
        await self.load()
        run = self._running
        try:
            await run.endpoint.initialise("")
        finally:
            self._store = run.endpoint.store or self._store
        self._resting = False

    async def attach(self, namespace: str) -> None:
        """Attaches it in the process."""
        await self._running.endpoint.initialise(namespace)
        self._namespaces.add(namespace)

    async def rest(self) -> None:
        """Stops the instance and keeps the process if the plugin confirms it; else stops the process."""
        run = self._run
        if run is None:
            return
        self._resting = True  # a call that comes late must not have it taken up again
        self._refuse_as_stopped()
        deadline = Deadline.after(SHUTDOWN_TIMEOUT)
        try:
            released = await run.endpoint.shut_down(whole=False, grace=SHUTDOWN_TIMEOUT / 2, deadline=deadline)
        except PrismError as error:
            log.info("plugin %s did not release its store (%s), so its process is stopped", self.backend, error.message)
            released = False
        if not released:  # it may have taken its time already
            await self._stop(max(0.0, deadline.remaining()))

    async def stop(self) -> None:
        """Shutdown, then SIGTERM, then SIGKILL."""
        await self._stop(SHUTDOWN_TIMEOUT)

    async def _stop(self, timeout: float) -> None:
        self._stopped = True
        self._refuse_as_stopped()
        run, self._run = self._run, None
        if run is not None:
            await run.close(timeout)
        await asyncio.gather(*self._ends)
        self._output.report_dropped()

    def _refuse_as_stopped(self) -> None:
        self.refusal = f"backend {self.backend!r} was stopped; retry"
        self.refusal_kind = BackendUnavailable

    async def health(self) -> Health:
        """As the plugin says; looks after its limits as well."""
        if (run := self._run) is not None:
            run.warn_of_cpu_time()
        return await super().health()

    def give_up(self, reason: str) -> None:
        """Kills the process."""
        if self._run is not None:
            log.error("plugin %s: its process is killed, and started again: %s", self.backend, reason)
            self._record("plugin.process_killed", "ABORTED", pid=self._run.child.pid, reason=reason)
            self._run.child.kill()

    def status(self) -> Mapping[str, object]:
        """The process, its limits and the means that enforce them."""
        run = self._run
        shown: dict[str, object] = {
            "command": " ".join(self._command.command),
            "starts": self._starts,
            "log_lines_dropped": self._output.dropped,
        }
        if run is not None:
            shown |= {
                "pid": run.child.pid,
                "up_seconds": round(monotonic() - run.since, 1),
                "resident_bytes": resident_memory(run.child.pid),
                "cpu_seconds": cpu_seconds(run.child.pid),
                "limits": dict(in_force(self._command.limits, run.child.group)),
            }
        return shown

    def logs(self) -> Sequence[str]:
        """What it printed last, through all its processes."""
        return self._output.lines

    def _choose(self, subject: Subject | None = None) -> Endpoint:  # noqa: ARG002  # there is one process
        run = self._run
        if run is None or self._resting:
            raise BackendUnavailable(
                self.refusal or f"the plugin of backend {self.backend!r} has exited",
                reason=Reason.PLUGIN_LOST,
                outcome=Outcome.NOT_APPLIED,
                retry_after=translation.RETRY_AFTER,
            )
        return run.endpoint

    @property
    def _running(self) -> SidecarProcess:
        if self._run is None:
            raise translation.lost(self.backend, "its process has exited", sent=False)
        return self._run

    def _on_lost(self, endpoint: Endpoint, why: str) -> None:  # noqa: ARG002  # the face
        """Its process is about to exit, or has closed its socket and cannot be used any more."""
        run = self._run
        if run is not None and run.endpoint is endpoint:
            run.expect_exit()

    def _record(self, action: str, outcome: str = "OK", **detail: object) -> None:
        audit.record("plugin", action, outcome=outcome, detail={"backend": self.backend, **detail})

    def _on_exit(self, run: SidecarProcess) -> None:
        """The process has ended."""
        if self._run is not run:
            return
        self._run = None
        how = run.how_it_ended()
        log.error(
            "plugin %s: the process with pid %d %s; calls are refused until it is started again",
            self.backend,
            run.child.pid,
            how,
        )
        self._record("plugin.process_ended", "UNAVAILABLE", pid=run.child.pid, reason=how)
        self._refuse(f"its plugin {how}")
        task = asyncio.get_running_loop().create_task(run.close(0.0))
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)
