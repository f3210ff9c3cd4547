"""The redis backend, as its host sees it."""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import redis.exceptions as driver

from prism.backends.redis.cache import RedisCache
from prism.backends.redis.commands.cluster import Cluster
from prism.backends.redis.commands.connect import cluster, connector, listener, node_connector
from prism.backends.redis.commands.primary import Sentinels, Watch
from prism.backends.redis.commands.server import OneServer, Server
from prism.backends.redis.config import RedisConfig, RedisCredentials
from prism.backends.redis.data.layout import Names
from prism.backends.redis.keyvalue import RedisKeyValue
from prism.backends.redis.listening.channel_locator import ChannelLocator, ClusterLocator, ServerLocator
from prism.backends.redis.listening.subscriber import Subscriber
from prism.backends.redis.log.message_log import RedisLog
from prism.backends.redis.pubsub import RedisPubSub
from prism.backends.redis.queue.store import RedisQueues
from prism.backends.redis.queue.wakeups import RedisWakeups
from prism.errors import BackendUnavailable, FailedPrecondition, PrismError
from prism.sdk import Health, HealthStatus, Sweeper
from prism.sdk.queue import StoredQueue

_PROBE_SECONDS = 1.5
_STOP_SECONDS = 5.0
_ASKED_AT_ONCE = 256
_SAFE_POLICY = "noeviction"
_OLDEST = (7, 0)
_VERSION: Final = re.compile(r"(\d+)\.(\d+)")

log = logging.getLogger(__name__)


class RedisBackend:
    """One database of one Redis, or one cluster, which any number of gateways may share."""

    def __init__(self, config: RedisConfig, credentials: RedisCredentials) -> None:
        self._config = config
        self._server, locator, sentinels = server_and_locator(config, credentials)
        names = Names(config.prefix)
        self._keyvalue = RedisKeyValue(self._server, names)
        self._cache = RedisCache(self._server, names)
        self._subscriber = Subscriber(locator, config)
        self._wakeups = RedisWakeups(self._subscriber, names, config.database)
        self._log = RedisLog(self._server, names, self._wakeups, config.pubsub)
        self._pubsub = RedisPubSub(self._server, self._subscriber, self._log, names, config.database, config.pubsub)
        self._queues = RedisQueues(self._server, names, self._wakeups)
        self._queue = StoredQueue(self._queues, config.queue)
        self._namespaces: set[str] = set()
        self._warning = ""
        self._sweeper = Sweeper(self._sweep, config.sweep_interval)
        self._watch: Watch | None = None
        if sentinels is not None and isinstance(self._server, OneServer):
            stay_with = (self._server.stay_with, self._subscriber.stay_with)
            service = str(config.sentinel_service)
            self._watch = Watch(sentinels, service, interval=config.ping_interval, stay_with=stay_with)

    @property
    def identity(self) -> str:
        return self._config.identity

    @property
    def interfaces(self) -> Sequence[object]:
        return (self._keyvalue, self._cache, self._pubsub, self._queue)

    async def start(self) -> None:
        for info in await self._advice(b"INFO", b"server"):
            _check_version(_fields(info).get("redis_version", ""))
        policy = await self._policy()
        if policy != _SAFE_POLICY:
            self._warning = (
                f"Redis evicts when its memory is full (maxmemory-policy {policy}): right for Cache, but KeyValue "
                f"and Queue lose items; set maxmemory-policy to {_SAFE_POLICY}"
            )
            log.warning("%s", self._warning)
        self._sweeper.start()
        if self._watch is not None:
            self._watch.start()

    async def _policy(self) -> str:
        """How Redis evicts, at worst; taken for safe where it does not say. Many hosted servers have no CONFIG."""
        told = {_fields(info).get("maxmemory_policy", "") for info in await self._advice(b"INFO", b"memory")}
        if not told - {""}:
            answers = await self._advice(b"CONFIG GET", b"maxmemory-policy")
            told = {answer[1].decode() for answer in answers if isinstance(answer, list) and len(answer) > 1}
        return min(told - {"", _SAFE_POLICY}, default=_SAFE_POLICY)

    async def attach(self, namespace: str) -> None:
        self._namespaces.add(namespace)

    async def holds_data(self, namespace: str) -> bool:
        return await self._keyvalue.index.holds_records(namespace) or await self._queues.holds_topics(namespace)

    async def health(self) -> Health:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                answers = await self._server.everywhere((b"PING",))
        except PrismError as error:
            return Health(HealthStatus.UNHEALTHY, error.message, self._details())
        except TimeoutError:
            return Health(HealthStatus.UNHEALTHY, "Redis does not answer a PING", self._details())
        failures = [each.message for each in answers if isinstance(each, PrismError) and not _is_refusal(each)]
        if len(failures) == len(answers):
            return Health(HealthStatus.UNHEALTHY, failures[0], self._details())
        if failures:
            answered = f"{len(failures)} of {len(answers)} primaries of the Redis cluster: {failures[0]}"
            return Health(HealthStatus.DEGRADED, answered, self._details())
        status = HealthStatus.DEGRADED if self._warning else HealthStatus.HEALTHY
        return Health(status, self._warning, self._details())

    def _details(self) -> dict[str, str]:
        return {name: f"{value:g}" for name, value in self._gauges().items()}

    def metrics(self) -> Mapping[str, float]:
        return {**self._gauges(), **self._queue.metrics()}

    def _gauges(self) -> dict[str, float]:
        return {
            "subscriptions": self._pubsub.subscriptions,
            "pool_connections_open": self._server.open,
            "pool_connections_idle": self._server.idle,
        }

    async def stop(self) -> None:
        await self._sweeper.stop()
        if self._watch is not None:
            await self._watch.stop()
        self._queue.stop()
        await self._pubsub.stop()
        await self._wakeups.stop()
        await self._subscriber.stop()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._pubsub.drain()
                await self._keyvalue.drain()
                await self._cache.drain()
                await self._queues.drain()
        except TimeoutError:
            log.warning(
                "the instance of plugin redis has stopped with calls unanswered: Redis took more than %g s; whether "
                "they were applied is unknown",
                _STOP_SECONDS,
            )
        await self._server.close()

    async def _sweep(self) -> bool:
        more = False
        for namespace in tuple(self._namespaces):
            more = await self._keyvalue.index.sweep(namespace) or more
        for namespace in await self._with(self._queues.key):
            more = await self._queues.sweep(namespace) or more
        for namespace in await self._with(self._log.key):
            more = await self._log.sweep(namespace) or more
        return more

    async def _with(self, key: Callable[[str], bytes]) -> list[str]:
        """The namespaces that have a key of theirs; asked for many at a time."""
        namespaces, found = tuple(self._namespaces), []
        for first in range(0, len(namespaces), _ASKED_AT_ONCE):
            some = namespaces[first : first + _ASKED_AT_ONCE]
            answers = await self._server.run([(b"EXISTS", key(each)) for each in some], writes=False)
            found += [each for each, answer in zip(some, answers, strict=True) if answer == 1]
        return found

    async def _advice(self, *question: bytes) -> list[Any]:
        """What the servers answer to a question that can be done without: those that refuse it are left out.

        So are those that cannot be reached, while others can.
        """
        answers = await self._server.everywhere(question)
        answered = [each for each in answers if not isinstance(each, BackendUnavailable)] or answers
        understood = [each for each in answered if not _is_refusal(each)]
        for each in understood:
            if isinstance(each, Exception):
                raise each
        return understood


def server_and_locator(
    config: RedisConfig, credentials: RedisCredentials
) -> tuple[Server, ChannelLocator, Sentinels | None]:
    """What commands go to, where messages come from, and who knows which server that is."""
    if config.mode == "cluster":
        client = cluster(config, credentials)
        server = Cluster(
            client,
            node_connector(config, credentials),
            max_in_flight=config.pool_size - 1,  # the client has one of its own to each node
            timeout=config.command_timeout,
            handshake_timeout=config.handshake_timeout,
        )
        return server, ClusterLocator(client, listener(config, credentials, None)), None
    connect, sentinel = connector(config, credentials)
    one = OneServer(
        connect,
        sentinel,
        max_connections=config.pool_size,
        timeout=config.command_timeout,
        handshake_timeout=config.handshake_timeout,
    )
    return one, ServerLocator(config.addresses[0], listener(config, credentials, sentinel)), sentinel


def _is_refusal(answer: object) -> bool:
    """Whether a server is there and takes our login, but not this command: an ACL, `rename-command`, a proxy."""
    return (
        isinstance(answer, PrismError)
        and not isinstance(answer, BackendUnavailable)
        and isinstance(answer.__cause__, driver.ResponseError)
    )


def _fields(info: object) -> dict[str, str]:
    """What INFO answers; nothing of an answer that is empty, or has another form."""
    text = info.decode(errors="replace") if isinstance(info, bytes) else ""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _check_version(version: str) -> None:
    """Passes one that is not said, too: the first script that the server does not understand says more."""
    found = _VERSION.match(version)
    if found and (int(found[1]), int(found[2])) < _OLDEST:
        raise FailedPrecondition(f"this is Redis {version}; at least Redis 7.0 or Valkey is required: upgrade it")
