"""The placement `remote`: one process elsewhere or several that are equal, reached by TLS; and a sidecar that runs
already, reached by its socket.

Calls go to the endpoint with the fewest calls in progress, or as `Affinity` says. One that cannot be reached leaves the
rotation until it is healthy and has the instance again. Where none is left, control starts the instance anew, and that
tries them all.
"""

import asyncio
import logging
import os
import random
import ssl
from collections.abc import Iterable, Mapping
from itertools import chain
from operator import attrgetter
from typing import Any

from prism.errors import BackendUnavailable, FailedPrecondition, Outcome, PrismError
from prism.interfaces.catalogue import interfaces
from prism.plugins.discovery import Plugin
from prism.plugins.placement import Endpoints, Socket, Tls
from prism.plugins.rpc import translation
from prism.plugins.rpc.affinity import Affinity, Subject
from prism.plugins.rpc.endpoint import Endpoint
from prism.plugins.rpc.instance import PROBE_TIMEOUT, RpcInstance, attach_all
from prism.reason import Reason
from prism.sdk.backend import Health, HealthStatus
from prism.wire import Deadline, Peer, client_context

REVIVAL_FIRST = 0.1
REVIVAL_MAX = 5.0
START_TIMEOUT = 10.0
PROBED_FOR = 10.0
"""Seconds until a connection that may have died in silence is dropped, with the calls of a plugin that is stuck."""

_BUSY = attrgetter("outstanding")

log = logging.getLogger(__name__)


class Remote(RpcInstance):
    """An instance in processes that the gateway does not start."""

    __slots__ = ("_endpoints", "_placement", "_reviving", "_rotation")

    def __init__(
        self,
        plugin: Plugin,
        placement: Endpoints | Socket,
        config: Mapping[str, Any],
        credentials: Mapping[str, Any],
    ) -> None:
        super().__init__(plugin, config, credentials)
        self._placement = placement
        if plugin.manifest.affinity and isinstance(placement, Endpoints) and len(placement.addresses) > 1:
            served = (interfaces()[each].operations for each in plugin.manifest.interfaces)
            self._affinity = Affinity(chain.from_iterable(served), self.instance)
        self._endpoints: tuple[Endpoint, ...] = ()
        self._rotation: list[Endpoint] = []
        self._reviving: dict[Endpoint, asyncio.Task[None]] = {}

    async def load(self) -> None:
        """Reads the certificates; does not connect yet.

        Raises:
            FailedPrecondition: they cannot be used.
        """
        if not self._endpoints:
            self._stopped = False
            self._endpoints = await asyncio.to_thread(self._open)

    def _open(self) -> tuple[Endpoint, ...]:
        place = self._placement
        if isinstance(place, Socket):
            return (
                Endpoint(
                    f"unix:{place.path}", self._known, objection=_wrong_user, max_message_size=self._max_message_size
                ),
            )
        tls = None if place.tls is None else _context(place.tls, self.backend)
        name = "" if place.tls is None else place.tls.server_name
        return tuple(
            Endpoint(
                each,
                self._known,
                tls=tls,
                server_name=name,
                max_message_size=self._max_message_size,
                probe_timeout=PROBED_FOR,
            )
            for each in place.addresses
        )

    async def start(self) -> None:
        """Starts the instance in every endpoint; it is up when one of them is. Raises as the first of them did."""
        await self.load()
        self.lost.clear()
        self._stop_revivals()
        down = [each for each in self._endpoints if each not in self._rotation]
        deadline = Deadline.after(START_TIMEOUT)
        failures = await asyncio.gather(*(self._join(each, deadline) for each in down), return_exceptions=True)
        self._learn_store()
        for endpoint, failure in zip(down, failures, strict=True):
            if isinstance(failure, BaseException):
                if not self._rotation:
                    raise failure
                log.warning(
                    "plugin %s: endpoint %s is not available and gets no calls; it is retried: %s",
                    self.backend,
                    endpoint.target,
                    failure,
                )
                self._revive(endpoint)

    async def _join(self, endpoint: Endpoint, deadline: Deadline) -> None:
        """Adds an endpoint to the rotation, after it has the instance and its namespaces and is healthy."""
        await endpoint.initialise("", deadline)
        health = await endpoint.health(deadline)
        if health.status is HealthStatus.UNHEALTHY:
            raise BackendUnavailable(health.message or "its store is unhealthy")
        await attach_all(endpoint, self._namespaces, deadline)
        if endpoint not in self._rotation and not self._stopped:
            self._rotation.append(endpoint)

    def _check_store(self, endpoint: Endpoint) -> None:
        """Removes an endpoint that came back on another store: calls would find half of the data on each."""
        try:
            self._learn_store()
        except FailedPrecondition:
            if endpoint in self._rotation:
                self._rotation.remove(endpoint)
            raise

    def _learn_store(self) -> None:
        stores = {each.store for each in self._rotation if each.store}
        if len(stores) > 1:
            raise FailedPrecondition(
                f"the endpoints of backend {self.backend!r} use different stores ({', '.join(sorted(stores))}); "
                "configure all of them with the same store"
            )
        self._store = next(iter(stores), self._store)

    async def attach(self, namespace: str) -> None:
        """Attaches it at every endpoint that serves."""
        if not self._rotation:
            raise translation.lost(self.backend, "no endpoint answers", sent=False)
        await asyncio.gather(*(each.initialise(namespace) for each in self._rotation))
        self._namespaces.add(namespace)

    async def health(self) -> Health:
        """The worst health of the endpoints in rotation; DEGRADED where any endpoint is missing."""
        serving = tuple(self._rotation)
        if not serving:
            return Health(HealthStatus.UNHEALTHY, self.refusal or "no endpoint answers")
        found = await asyncio.gather(*(self._probe(each) for each in serving))
        worst = max(found, key=lambda each: each.status.value)
        missing = [each.target for each in self._endpoints if each not in self._rotation]
        if missing and worst.status is HealthStatus.HEALTHY:
            return Health(HealthStatus.DEGRADED, f"no answer from {', '.join(missing)}", worst.details)
        return worst

    async def _probe(self, endpoint: Endpoint) -> Health:
        deadline = Deadline.after(PROBE_TIMEOUT)
        try:
            health = await endpoint.health(deadline)
            await self._fetch_metrics(endpoint, deadline)
        except PrismError as error:
            self._on_lost(endpoint, error.message)
            return Health(HealthStatus.UNHEALTHY if not self._rotation else HealthStatus.DEGRADED, error.message)
        return health

    async def stop(self) -> None:
        """Stops the instance in the plugin's processes; the processes go on."""
        self._stopped = True
        self.refusal = f"backend {self.backend!r} was stopped; retry"
        self.refusal_kind = BackendUnavailable
        self._stop_revivals()
        self._rotation.clear()
        endpoints, self._endpoints = self._endpoints, ()
        await asyncio.gather(*map(self._end, endpoints))

    async def _end(self, endpoint: Endpoint) -> None:
        if endpoint.initialised:
            try:
                await endpoint.shut_down(whole=False, grace=1.0, deadline=Deadline.after(PROBE_TIMEOUT))
            except PrismError as error:
                # The plugin stops an instance that is not used any more by itself.
                log.warning(
                    "plugin %s: the instance at endpoint %s could not be stopped: %s; the plugin stops it once it is "
                    "idle",
                    self.backend,
                    endpoint.target,
                    error.message,
                )
        await endpoint.close()

    def status(self) -> Mapping[str, object]:
        """The endpoints."""
        return {
            "endpoints": [
                {"address": each.target, "in_rotation": each in self._rotation, "outstanding": each.outstanding}
                for each in self._endpoints
            ]
        }

    def _choose(self, subject: Subject | None = None) -> Endpoint:
        rotation = self._rotation
        if len(rotation) == 1:
            return rotation[0]
        if not rotation:
            raise BackendUnavailable(
                self.refusal or f"no endpoint of backend {self.backend!r} answers",
                reason=Reason.PLUGIN_LOST,
                outcome=Outcome.NOT_APPLIED,
                retry_after=translation.RETRY_AFTER,
            )
        if subject is not None and self._affinity is not None:
            return self._affinity.choose(subject, rotation)
        least = min(map(_BUSY, rotation))
        return random.choice([each for each in rotation if each.outstanding == least])  # noqa: S311  # spreads load

    def _on_lost(self, endpoint: Endpoint, why: str) -> None:
        """The endpoint leaves the rotation."""
        if endpoint not in self._rotation or self._stopped:
            return
        self._rotation.remove(endpoint)
        log.warning(
            "plugin %s: endpoint %s was removed from rotation and gets no calls; it is retried: %s",
            self.backend,
            endpoint.target,
            why,
        )
        if self._rotation:
            self._revive(endpoint)
        else:
            self._stop_revivals()
            self._refuse(f"no endpoint of its plugin answers ({why})")

    def _revive(self, endpoint: Endpoint) -> None:
        if endpoint not in self._reviving:
            task = asyncio.get_running_loop().create_task(self._keep_trying(endpoint))
            self._reviving[endpoint] = task

    async def _keep_trying(self, endpoint: Endpoint) -> None:
        delay = REVIVAL_FIRST
        while True:
            await asyncio.sleep(delay * random.uniform(0.75, 1.25))  # noqa: S311  # spreads load, keeps no secret
            try:
                await self._join(endpoint, Deadline.after(START_TIMEOUT))
                self._check_store(endpoint)
            except PrismError as error:
                level = logging.WARNING if isinstance(error, FailedPrecondition) else logging.DEBUG
                log.log(
                    level,
                    "plugin %s: endpoint %s is not available yet and gets no calls; it is retried: %s",
                    self.backend,
                    endpoint.target,
                    error.message,
                )
                delay = min(delay * 2, REVIVAL_MAX)
            else:
                self.incarnation += 1
                log.info("plugin %s: endpoint %s is available and back in rotation", self.backend, endpoint.target)
                self._reviving.pop(endpoint, None)
                return

    def _stop_revivals(self) -> None:
        for task in self._reviving.values():
            task.cancel()
        self._reviving.clear()


def _context(tls: Tls, backend: str) -> ssl.SSLContext:
    try:
        return client_context(tls.ca, tls.cert, tls.key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(each) for each in _files(tls))
        raise FailedPrecondition(f"plugin.tls of backend {backend!r} is invalid ({files}): {error}") from error


def _files(tls: Tls) -> Iterable[object]:
    return (each for each in (tls.ca, tls.cert, tls.key) if each is not None)


def _wrong_user(peer: Peer) -> str:
    """Why a socket is not trusted: another user than the gateway's or root serves it."""
    own = os.geteuid()
    if peer.credentials is None or own == 0 or peer.credentials.uid in (0, own):
        return ""
    return f"the plugin's socket is served by user id {peer.credentials.uid}, expected {own}"
