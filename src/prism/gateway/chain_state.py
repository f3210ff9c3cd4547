"""The chain for each snapshot, and what its hops keep from one snapshot to the next.

The snapshot is plain data; what changes by use (verified tokens, keys, decisions) lives here, and goes only when what
it was found out by has changed.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Self

from prism.config.sections.authentication import ApiKeys, AuthenticationSection, Mtls, Oidc, Unix
from prism.errors import PrismError, Unauthenticated
from prism.gateway.call import Call, Hop
from prism.gateway.chain import Policies, chain
from prism.gateway.hops.authenticate import Authenticate, Method, NotAccepted
from prism.gateway.hops.authorize import Authorize
from prism.gateway.hops.deadline_limit import DeadlineLimit, deadline_limits
from prism.gateway.hops.limit import Limit, plans_of
from prism.gateway.hops.overload import Overload, OverloadDetector
from prism.gateway.hops.resilience import ApplyResilience
from prism.gateway.limits.usage import Usages
from prism.gateway.resilience.registry import BreakerStatus, ResilienceRegistry
from prism.gateway.snapshot import Snapshot
from prism.gateway.streams.lifetime import COME_AGAIN_AFTER
from prism.principal import Principal
from prism.reason import Reason
from prism.telemetry.metrics.metric_family import MetricFamily

if TYPE_CHECKING:
    from prism.gateway.auth.jwks import Jwks


class ChainState:
    """Builds the hops. Belongs to the event loop's thread.

    Attributes:
        on_withdrawn: called when an issuer of tokens has withdrawn a key: streams are to be looked at by `withdrawn`.
    """

    def __init__(self, lag: OverloadDetector | None = None) -> None:
        """
        Args:
            lag: where it has a bound and is over it, calls are refused.
        """
        self.on_withdrawn: Callable[[], None] = lambda: None
        self._lag = lag
        self._usages = Usages()
        self._resilient = ResilienceRegistry()
        self._before = Snapshot()
        self._changed = False
        self._authenticate: Authenticate | None = None
        self._authorize: Authorize | None = None
        self._jwks: dict[Oidc, Jwks] = {}
        self._retired: set[asyncio.Task[None]] = set()

    @property
    def authenticate(self) -> Authenticate | None:
        """The hop that is in force; None where authentication is off."""
        return self._authenticate

    def hops(self, snapshot: Snapshot) -> tuple[Hop, ...]:
        """The chain that decides the calls of this snapshot; those before it are asked no more for new calls."""
        before, self._before = self._before, snapshot
        self._changed = snapshot.authentication != before.authentication or snapshot.access is not before.access
        if snapshot.authentication != before.authentication:
            self._authenticate = self._authentication(snapshot.authentication)
        if self._changed:
            self._authorize = None if snapshot.access is None else Authorize(snapshot.access)
        self._usages.keep_only(snapshot.namespaces)
        plans = plans_of(snapshot)
        longest = deadline_limits(snapshot)
        resilience = self._resilient.of(snapshot)
        return chain(
            Policies(
                overload=Overload(self._lag) if self._lag is not None and self._lag.bound is not None else None,
                authenticate=self._authenticate,
                authorize=self._authorize,
                deadline_limit=DeadlineLimit(longest) if longest else None,
                limit=Limit(plans, self._usages) if plans else None,
                resilience=ApplyResilience(resilience) if resilience else None,
            )
        )

    def recheck(self, call: Call) -> PrismError | None:
        """Why a call that was admitted by an earlier snapshot would not be by this one; None where it would."""
        return self._refusal(call) if self._changed else None

    def withdrawn(self, call: Call) -> PrismError | None:
        """Why a call would not be admitted any longer, now that a key of an issuer is gone; None where it would."""
        refusal = self._refusal(call)
        if not isinstance(refusal, Unauthenticated):
            return refusal
        # Come again helps who has a token of another key at hand; who has not is refused then.
        message = "the stream's credential was revoked; open a new stream with a valid one"
        ended = Unauthenticated(message, reason=Reason.CREDENTIAL_WITHDRAWN, retry_after=COME_AGAIN_AFTER)
        ended.__cause__ = refusal.__cause__  # for the audit trail
        return ended

    def _refusal(self, call: Call) -> PrismError | None:
        again = Call(call.operation, call.incoming, self._before)
        try:
            for hop in (self._authenticate, self._authorize):
                if hop is not None and (slow := hop(again)) is not None:
                    # A key must be fetched to know who it is: it stays who it was.
                    again.principal = call.principal
                    if isinstance(slow, Coroutine):
                        slow.close()
        except PrismError as error:
            return error
        return None

    def status(self) -> Mapping[tuple[str, str], BreakerStatus]:
        """The circuit breaker of each namespace and service that has one."""
        return self._resilient.status()

    def metrics(self) -> Iterator[MetricFamily]:
        """For the metrics."""
        return self._resilient.metrics()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Ends what goes on in the background."""
        self._resilient.close()
        jwks, self._jwks = self._jwks, {}
        await asyncio.gather(*(each.stop() for each in jwks.values()), *self._retired)

    def _authentication(self, section: AuthenticationSection | None) -> Authenticate | None:
        methods = () if section is None else section.methods
        wanted = [each for each in methods if isinstance(each, Oidc)]
        for gone in self._jwks.keys() - set(wanted):
            task = asyncio.get_running_loop().create_task(self._jwks.pop(gone).stop())
            self._retired.add(task)
            task.add_done_callback(self._retired.discard)
        if section is None or not methods:
            return None
        from prism.gateway.auth.signed import Signers  # only where configured, as the methods are

        accept = _accepting(section)
        return Authenticate(
            [self._method(each, accept, section.remembered) for each in methods], Signers(section, accept).identify
        )

    def _method(
        self, section: Mtls | Oidc | ApiKeys | Unix, accept: Callable[[Principal], Principal], cache_size: int
    ) -> Method:
        # Imported only where configured: cryptography alone takes 60 ms.
        match section:
            case Mtls():
                from prism.gateway.auth.mtls import MtlsMethod

                return MtlsMethod(section, accept, cache_size)
            case ApiKeys():
                from prism.gateway.auth.api_key import ApiKeyMethod

                return ApiKeyMethod(section, accept, cache_size)
            case Unix():
                from prism.gateway.auth.unix import UnixUsers

                return UnixUsers(section, accept)
        from prism.gateway.auth.oidc import OidcMethod

        return OidcMethod(section, accept, self._jwks_of(section), cache_size, lambda: self.on_withdrawn())

    def _jwks_of(self, section: Oidc) -> "Jwks":
        from prism.gateway.auth.jwks import Jwks

        keys = self._jwks.get(section)
        if keys is None:
            keys = self._jwks[section] = Jwks(section)
            keys.start()
        return keys


def _accepting(section: AuthenticationSection) -> Callable[[Principal], Principal]:
    revoked = frozenset(section.revoked)

    def accept(principal: Principal) -> Principal:
        if not revoked.isdisjoint((principal.name, *principal.claims.get("jti", ()))):
            raise NotAccepted(f"{principal.name} is revoked")
        return principal

    return accept
