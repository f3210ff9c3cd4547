"""What all clients of one gateway share: how they connect, whether the brokers can be reached, and who asks them.

The driver's clients are threads of a C library. What blocks is run beside the event loop, and what the library says of
its connections comes to `Link`: while no broker can be reached, calls are refused at once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from prism.backends.kafka.config import KafkaConfig, KafkaCredentials
from prism.backends.kafka.errors import MOVING, error_of, translate
from prism.errors import BackendCredentials, BackendUnavailable, FailedPrecondition, Outcome, PrismError
from prism.sdk.driver_errors import LATER

log = logging.getLogger(__name__)
Result = TypeVar("Result")

_PROBE_SECONDS: Final = 1.5
_START_SECONDS: Final = 5.0
_STEP: Final = 0.25
_PAUSE: Final = 0.05
_LOGIN: Final = (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED)
_DOWN: Final = (KafkaError._ALL_BROKERS_DOWN,)
_DRIVER_LOG: Final = logging.getLogger(f"{__name__}.driver")
_DRIVER_LOG.setLevel(logging.CRITICAL)  # it repeats what `Link` is told


class Link:
    """The way to one Kafka cluster.

    Args:
        config: how to connect.
        credentials: who we are there.

    Attributes:
        breaks: how often no broker could be reached.
        on_down: called with the error when that begins.
    """

    def __init__(self, config: KafkaConfig, credentials: KafkaCredentials) -> None:
        self.config = config
        self.breaks = 0
        self.on_down: Callable[[PrismError], None] = lambda _error: None
        self._credentials = credentials
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="kafka")
        self._admin: AdminClient | None = None
        self._failure: PrismError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watching: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def up(self) -> bool:
        """Whether brokers can be reached, as far as is known."""
        return self._failure is None

    def settings(self, **more: Any) -> dict[str, Any]:
        """The settings of a client of the driver, `_` for `.` in those that are given."""
        config = self.config
        milliseconds = int(config.request_timeout * 1000)
        settings: dict[str, Any] = {
            "bootstrap.servers": ",".join(config.addresses),
            "client.id": "prism",
            "error_cb": self._on_error,
            "logger": _DRIVER_LOG,
            "socket.timeout.ms": milliseconds,
            "socket.connection.setup.timeout.ms": milliseconds,
            "socket.keepalive.enable": True,
            "socket.nagle.disable": True,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1000,
            "retry.backoff.ms": 50,
            "topic.metadata.refresh.fast.interval.ms": 50,
            "topic.metadata.propagation.max.ms": 1000,
            "allow.auto.create.topics": False,
            "security.protocol": f"{'SASL_' if config.sasl else ''}{'SSL' if config.tls else 'PLAINTEXT'}",
        }
        settings |= self._tls() if config.tls else {}
        settings |= self._login() if config.sasl else {}
        return settings | {name.replace("_", "."): value for name, value in more.items()}

    def reader_settings(self, topic: str, **more: Any) -> dict[str, Any]:
        """Those of a consumer without a group, which commits nothing and tells where a partition ends."""
        return self.settings(
            group_id=f"{topic}.reader",
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            isolation_level="read_committed",
            enable_partition_eof=True,
            auto_offset_reset="earliest",
            fetch_queue_backoff_ms=10,
            **more,
        )

    def _tls(self) -> dict[str, Any]:
        config = self.config
        found = {"ssl.ca.location": config.ca, "ssl.certificate.location": config.certificate,
                 "ssl.key.location": config.key}  # fmt: skip
        verify = "https" if config.verify_hostname else "none"
        return {name: str(path) for name, path in found.items() if path} | {
            "ssl.endpoint.identification.algorithm": verify
        }

    def _login(self) -> dict[str, Any]:
        config, given = self.config, self._credentials
        if config.sasl == "OAUTHBEARER":
            if given.client_id is None or given.client_secret is None:
                return {"sasl.mechanism": config.sasl}
            return {
                "sasl.mechanism": config.sasl,
                "sasl.oauthbearer.method": "oidc",
                "sasl.oauthbearer.client.id": given.client_id,
                "sasl.oauthbearer.client.secret": given.client_secret.get_secret_value(),
                "sasl.oauthbearer.token.endpoint.url": config.token_url,
                **({"sasl.oauthbearer.scope": config.token_scope} if config.token_scope else {}),
            }
        return {
            "sasl.mechanism": config.sasl,
            "sasl.username": given.username or "",
            "sasl.password": given.password.get_secret_value() if given.password else "",
        }

    @property
    def admin(self) -> AdminClient:
        """Asks the brokers; each of its calls blocks, or gives a future that does."""
        if self._admin is None:
            try:
                self._admin = AdminClient(self.settings())
            except KafkaException as error:
                raise FailedPrecondition(f"Kafka's client refuses the configuration: {error.args[0].str()}") from error
        return self._admin

    async def start(self) -> None:
        """Returns when a broker answers.

        Raises:
            BackendUnavailable: none does.
            BackendCredentials: they refuse the gateway's credentials.
            FailedPrecondition: the configuration names a file that is of no use.
        """
        self._loop = asyncio.get_running_loop()
        self._failure = None
        await self.run(self._ask, _START_SECONDS)

    async def probe(self) -> str:
        """What is wrong; empty where the brokers answer."""
        if self._failure is not None:
            return self._failure.message
        try:
            await self.run(self._ask, _PROBE_SECONDS)
        except PrismError as error:
            return error.message
        return ""

    def check(self) -> None:
        """Passes where brokers can be reached, as far as is known.

        Raises:
            PrismError: they cannot; nothing was sent.
        """
        if self._failure is not None:
            error = self._failure.clone()
            error.outcome = Outcome.NOT_APPLIED
            raise error

    def check_read(self) -> None:
        """As `check`, of a call that changes nothing."""
        if self._failure is not None:
            raise self._failure.clone()

    async def run(self, work: Callable[..., Result], *arguments: Any, writes: bool = False) -> Result:
        """What blocks, beside the event loop; its errors are those of the tree."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        except KafkaException as error:
            raise translate(error, writes=writes) from error

    async def each(self, asked: Callable[[AdminClient], Mapping[Any, Any]], *, writes: bool = False) -> dict[Any, Any]:
        """The answers to a question of many parts, by part: a result, or the error of the tree."""

        def answers() -> dict[Any, Any]:
            found: dict[Any, Any] = {}
            for name, future in asked(self.admin).items():
                try:
                    found[name] = future.result()
                except KafkaException as error:
                    cause = error_of(error)
                    if not writes and cause is not None and cause.code() in MOVING:
                        self.admin.list_topics(timeout=self.config.request_timeout)  # the client asks anew
                        raise
                    found[name] = translate(error, writes=writes)
                    found[name].__cause__ = error
            return found

        return await self.run(patiently, answers, self.config.request_timeout, writes=writes)

    async def one(self, asked: Callable[[AdminClient], Mapping[Any, Any]], *, writes: bool = False) -> Any:
        """The answer to a question of one part."""
        (answer,) = (await self.each(asked, writes=writes)).values()
        if isinstance(answer, PrismError):
            raise answer
        return answer

    async def stop(self) -> None:
        """Ends it. May be called before `start`."""
        self._stopped = True
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        self._admin = None
        self._threads.shutdown(wait=False)

    def _ask(self, seconds: float) -> None:
        """Asks any broker which there are."""
        steps = max(1, round(seconds / _STEP))
        for step in range(1, steps + 1):
            try:
                self.admin.list_topics(timeout=_STEP)
            except KafkaException as error:
                self.admin.poll(0)
                if isinstance(self._failure, BackendCredentials):
                    raise self._failure.clone() from error
                if step == steps:
                    raise translate(error) from error
            else:
                return

    def _on_error(self, error: KafkaError) -> None:
        """Called in a thread of the driver's clients."""
        if error.code() in _LOGIN:
            failure: PrismError = translate(error)
        elif error.code() in _DOWN:
            failure = BackendUnavailable(
                "no Kafka broker can be reached: check that they run; it is tried again all the time",
                retry_after=LATER,
            )
        else:
            return
        if self._loop is None:
            self._failure = failure
            return
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._fail, failure)
        if isinstance(failure, BackendCredentials):
            self._failure = failure

    def _fail(self, failure: PrismError) -> None:
        if self._stopped:
            return
        if self._watching is None or self._watching.done():
            self.breaks += 1
            self._failure = failure
            self.on_down(failure)
            self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        """Finds out that brokers can be reached again."""
        while True:
            try:
                await self.run(self._reachable)
            except PrismError:
                await asyncio.sleep(0.1)
                continue
            self._failure = None
            return

    def _reachable(self) -> None:
        try:
            self.admin.list_topics(timeout=_STEP)
        except KafkaException:
            self.admin.poll(0)
            raise


_NOT_YET: Final = MOVING | {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC}
"""Of a topic that was made: a broker, or the client, does not know it yet."""


def patiently(work: Callable[[], Result], seconds: float, *, made: bool = False) -> Result:
    """What reads and blocks, again while a leader or coordinator is being found; or a topic, where it was `made`."""
    until = time.monotonic() + seconds
    while True:
        try:
            return work()
        except KafkaException as error:
            cause = error_of(error)
            if cause is None or cause.code() not in (_NOT_YET if made else MOVING) or time.monotonic() > until:
                raise
            time.sleep(_PAUSE)
