"""One process of a sidecar, from its start by go-plugin's handshake to its end; what goes wrong is explained."""

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from prism.errors import FailedPrecondition, PrismError
from prism.plugins.discovery import Plugin
from prism.plugins.placement import Command
from prism.plugins.rpc.endpoint import Endpoint, Identity
from prism.plugins.sidecar import diagnosis
from prism.plugins.sidecar.child import Child, cpu_seconds
from prism.plugins.sidecar.go_plugin import forward_output, stop_by_controller
from prism.plugins.sidecar.handshake import NoHandshake, environment, parse
from prism.plugins.sidecar.limits import Group
from prism.plugins.sidecar.output import Output
from prism.plugins.sidecar.socket_folder import SocketFolder
from prism.plugins.sidecar.start_queue import StartQueue, Turn
from prism.reason import Reason
from prism.wire import Deadline, Peer

HANDSHAKE_TIMEOUT = 30.0
SERVING_TIMEOUT = 10.0
TERM_TIMEOUT = 2.0
EXIT_TIMEOUT = 1.0
"""Seconds in which a process whose connection is lost may end by itself."""
_MOST = 0.8
"""Of the time that a process may use: beyond it there is a warning."""

log = logging.getLogger(__name__)


class SidecarProcess:
    """One process, from its start to its end.

    Attributes:
        child: the process.
        endpoint: the way to it.
        since: when it was started, by `time.monotonic()`.
    """

    child: Child
    endpoint: Endpoint

    def __init__(self, plugin: Plugin, command: Command, output: Output, name: str, starts: StartQueue) -> None:
        """
        Args:
            plugin: what runs.
            command: how it is started.
            output: where what it prints goes.
            name: of the instance, and of its control group.
            starts: where it waits for its turn to start.
        """
        self.since = monotonic()
        self._plugin = plugin
        self._command = command
        self._output = output
        self._name = name
        self._starts = starts
        self._before = output.seen
        self._folder: SocketFolder | None = None
        self._forwarding: asyncio.Task[None] | None = None
        self._check: asyncio.Task[None] | None = None
        self._warned = False

    async def open(self, identity: Identity, max_message_size: int) -> Endpoint:
        """Starts it, and waits until it serves.

        Raises:
            PrismError: it does not; the message says what it printed and what to check.
        """
        turn = await self._starts.turn()
        try:
            return await self._open(turn, identity, max_message_size)
        finally:
            turn.end()

    async def _open(self, turn: Turn, identity: Identity, max_message_size: int) -> Endpoint:
        self._folder = await asyncio.to_thread(SocketFolder, self._command.user)
        group = Group(f"prism-plugin-{self._name}", self._command.limits)
        try:
            self.child = Child(self._command, environment(self._folder.path), self._output, group)
        except OSError as error:
            group.close()
            program = Path(self._command.command[0])
            notes = diagnosis.of_program(program, self._command.user)
            raise self._failure(f"{program} cannot be executed ({error.strerror})", notes) from error
        turn.watch(self.child.pid)
        socket = await self._handshake()
        await asyncio.to_thread(self._folder.check, socket)
        self.endpoint = Endpoint(
            f"unix:{socket}", identity, objection=self._objection, max_message_size=max_message_size
        )
        await self._until_serving()
        self._forwarding = asyncio.create_task(forward_output(self.endpoint.control, self._output))
        return self.endpoint

    async def _handshake(self) -> Path:
        done, _ = await asyncio.wait((self.child.first_line,), timeout=HANDSHAKE_TIMEOUT)
        if not done:
            raise self._failure(
                f"the plugin printed no handshake within {HANDSHAKE_TIMEOUT:g} s",
                diagnosis.of_output(self._plugin, self._lines),
            )
        line = self.child.first_line.result()
        if not line:
            await asyncio.wait((self.child.exited,), timeout=TERM_TIMEOUT)
            await self.child.printed_all()
            how = self.how_it_ended() if self.child.exited.done() else "closed its standard output"
            raise self._failure(
                f"the plugin {how} before its handshake", diagnosis.of_output(self._plugin, self._lines)
            )
        try:
            return parse(line).socket
        except NoHandshake as error:
            raise self._failure(
                str(error), "a plugin must print its handshake first, and everything else on standard error"
            ) from error

    async def _until_serving(self) -> None:
        serving = asyncio.create_task(self.endpoint.serving(Deadline.after(SERVING_TIMEOUT)))
        await asyncio.wait((serving, self.child.exited), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
            return
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await self.child.printed_all()
        how = self.how_it_ended()
        raise self._failure(f"the plugin {how} after its handshake", diagnosis.of_output(self._plugin, self._lines))

    def how_it_ended(self) -> str:
        """In words; it has ended."""
        return self.child.exited.result().in_words(self._command.limits, self._lines)

    def warn_of_cpu_time(self) -> None:
        """Warns once that the process has used most of the time that it may: its end is not to come as a surprise."""
        allowed = self._command.limits.cpu_time
        if allowed is None or self._warned or (used := cpu_seconds(self.child.pid)) is None or used < _MOST * allowed:
            return
        self._warned = True
        manifest = self._plugin.manifest
        lost = "" if manifest.capabilities.durable else ", without the data in its memory"
        log.warning(
            "plugin %s: its process has used %.1f of the %d s of CPU that limits.cpu_time allows over its life; "
            "then it is ended and started again%s",
            self._plugin.name,
            used,
            allowed,
            lost,
        )

    def expect_exit(self) -> None:
        """A connection is lost: the process is killed if it can be reached no more and does not exit by itself.

        One that can be reached is left alone: whether it is stuck is for the probes to find out.
        """
        if self._check is None and not self.child.exited.done():
            self._check = asyncio.create_task(self._kill_unless_reachable())

    async def _kill_unless_reachable(self) -> None:
        await asyncio.wait((self.child.exited,), timeout=EXIT_TIMEOUT)
        reachable = not self.child.exited.done() and await self.endpoint.reachable(Deadline.after(EXIT_TIMEOUT))
        if not self.child.exited.done() and not reachable:
            self.child.kill()
        self._check = None

    async def close(self, timeout: float) -> None:
        """Ends the process: by its own Shutdown, by SIGTERM, by SIGKILL, each with its time; nothing is left."""
        if self._check is not None:
            self._check.cancel()
            await asyncio.gather(self._check, return_exceptions=True)
        if hasattr(self, "child"):
            if hasattr(self, "endpoint") and not self.child.exited.done():
                await self._ask_to_end(timeout)
            if self._forwarding is not None:
                self._forwarding.cancel()
                await asyncio.gather(self._forwarding, return_exceptions=True)
            await self.child.end(TERM_TIMEOUT)
            await self.child.close()
        if hasattr(self, "endpoint"):
            await self.endpoint.close()
        if self._folder is not None:
            await asyncio.to_thread(self._folder.close)

    async def _ask_to_end(self, timeout: float) -> None:
        deadline = Deadline.after(timeout)
        asked = asyncio.create_task(self._shut_down(timeout, deadline))
        # It may well end before it has answered.
        await asyncio.wait((asked, self.child.exited), return_when=asyncio.FIRST_COMPLETED)
        if not self.child.exited.done() and asked.done() and asked.result():
            await asyncio.wait((self.child.exited,), timeout=max(0.0, min(TERM_TIMEOUT, deadline.remaining())))
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)

    async def _shut_down(self, timeout: float, deadline: Deadline) -> bool:
        """Whether it will end."""
        agreed = True
        try:
            await self.endpoint.shut_down(whole=True, grace=timeout / 2, deadline=deadline)
        except PrismError:
            agreed = False
        if self._forwarding is not None:
            self._forwarding.cancel()  # a server that ends in order waits for this stream, which has no end
        return await stop_by_controller(self.endpoint.control, deadline) or agreed

    def _objection(self, peer: Peer) -> str:
        wanted = os.geteuid() if self._command.user is None else self._command.user.uid
        if peer.credentials is None or peer.credentials.uid == wanted:
            return ""
        return f"the plugin's socket is served by user id {peer.credentials.uid}, expected {wanted}"

    @property
    def _lines(self) -> Sequence[str]:
        return self._output.since(self._before)

    def _failure(self, what: str, notes: str) -> FailedPrecondition:
        command = " ".join(self._command.command)
        sentence = f"plugin {self._plugin.name!r} did not start: {what}{'; ' * bool(notes)}{notes} (command: {command})"
        return FailedPrecondition(sentence, reason=Reason.PLUGIN_NOT_STARTED)
