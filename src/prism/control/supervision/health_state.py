"""The health of one instance: what its probes found, and what went wrong last."""

import asyncio
import logging
from dataclasses import dataclass
from time import time

from prism.config.sections.supervision import SupervisionSection
from prism.config.specification import InstanceSpec
from prism.control.supervision.lifecycle_events import LifecycleEvents
from prism.errors import DeadlineExceeded
from prism.open_files import OPEN_FILES
from prism.plugins.managed_instance import ManagedInstance
from prism.sdk.backend import Health, HealthStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that went wrong with an instance.

    Attributes:
        message: what; nothing secret.
        time: when, in seconds since 1970.
    """

    message: str
    time: float


class HealthState:
    """That of one instance, as far as it has been asked.

    Attributes:
        health: the last probe's answer.
        probed_at: when the last probe ended, in seconds since 1970; 0 before the first.
        failure: what went wrong last, be it over by now; None where nothing did.
        supervision: how long a probe may take, and how many may stay unanswered; may be replaced.
        unanswered: probes in a row that neither the plugin nor its process has answered.
    """

    def __init__(
        self, spec: InstanceSpec, instance: ManagedInstance, events: LifecycleEvents, supervision: SupervisionSection
    ) -> None:
        """
        Args:
            spec: what runs.
            instance: what runs it.
            events: records changes.
            supervision: how long a probe may take, and how many may stay unanswered.
        """
        self.health = Health(HealthStatus.UNHEALTHY, instance.refusal)
        self.probed_at = 0.0
        self.failure: Failure | None = None
        self.unanswered = 0
        self._spec = spec
        self._instance = instance
        self._events = events
        self.supervision = supervision

    def failed(self, reason: str) -> None:
        """It does not serve."""
        self.health = Health(HealthStatus.UNHEALTHY, reason)
        self.failure = Failure(reason, time())

    async def ask(self) -> str:
        """Asks an instance that has just started; why it cannot serve, or empty. Raises what the plugin raises."""
        self.health = self._scrubbed(await self._instance.health())
        self.probed_at = time()
        unhealthy = self.health.status is HealthStatus.UNHEALTHY
        return (self.health.message or "its store is unhealthy") if unhealthy else ""

    async def probe(self) -> None:
        """Asks an instance that serves, and tells of a change; one that answers nothing for too long is given up."""
        before = self.health
        try:
            async with asyncio.timeout(self.supervision.probe_timeout):
                self.health = await self._instance.health()
            self.unanswered = 0
        except TimeoutError:
            await self._count_unanswered()
            late = f"the store did not answer a probe within {self.supervision.probe_timeout:g} s"
            self.health = Health(HealthStatus.UNHEALTHY, late)
        except DeadlineExceeded as error:
            await self._count_unanswered()
            self.health = Health(HealthStatus.UNHEALTHY, error.message)
        except Exception as error:  # noqa: BLE001  # a plugin's defect must not end the gateway
            trace = self._events.trace(error)
            log.error(  # noqa: TRY400
                "health probe of plugin %s failed; its instance counts as unhealthy until a probe succeeds; if a "
                "traceback follows, report it to the plugin's author: %s",
                self._spec.plugin.name,
                trace,
            )
            self.health = Health(HealthStatus.UNHEALTHY, f"its probe failed ({type(error).__name__})")
        self.health = self._instance.probed = self._scrubbed(self.health)
        self.probed_at = time()
        if self.health.status is not HealthStatus.HEALTHY:
            self.failure = Failure(self.health.message or "its store is not healthy", self.probed_at)
        if self.health.status is not before.status:
            self._tell()

    def _tell(self) -> None:
        well = self.health.status is HealthStatus.HEALTHY
        name, status = self._spec.plugin.name, self.health.status.name.lower()
        detail = f": {self.health.message}" if self.health.message else ""
        self._events.record(f"plugin.{status}", "OK" if well else "UNAVAILABLE", reason=self.health.message)
        log.log(logging.INFO if well else logging.WARNING, "the instance of plugin %s is %s%s", name, status, detail)

    async def _count_unanswered(self) -> None:
        """A store that does not answer is one thing; a plugin that does not is ended, and started again."""
        self.unanswered = self.unanswered + 1 if await self._instance.is_stuck() else 0
        if self.unanswered >= self.supervision.stuck_after:
            self.unanswered = 0
            self._instance.give_up(f"it has not answered {self.supervision.stuck_after} probes")

    def _scrubbed(self, health: Health) -> Health:
        message = self._spec.redactor.scrub(health.message)
        if health.status is HealthStatus.UNHEALTHY:
            message = OPEN_FILES.explained(message)
        return Health(health.status, message, health.details)
