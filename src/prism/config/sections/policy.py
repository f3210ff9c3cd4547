"""The configuration's policies: how much of a namespace may be used, and what the gateway does when its store fails."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ByteSize, Discriminator, Field, Tag, model_validator

from prism.config.sections.origin import Origin
from prism.config.sections.section import Apart, Section, empty, refuse

DEFAULT_POLICY = "default"
"""The policy of namespaces that name none, where there is one of this name."""


class RequestRate(Section):
    """Calls a second.

    Attributes:
        rate: on average.
        burst: at once, after a pause; the calls of one second where it is not given.
    """

    rate: float = Field(gt=0)
    burst: float | None = Field(default=None, ge=1)


class ByteRate(Section):
    """Bytes a second, of requests and answers.

    Attributes:
        rate: on average; `10MiB` is understood.
        burst: at once, after a pause; the bytes of one second where it is not given.
    """

    rate: Annotated[ByteSize, Field(ge=1)]
    burst: Annotated[ByteSize, Field(ge=1)] | None = None


class Shares(Section):
    """How much one may use: all callers of a namespace together, or each of them.

    Attributes:
        requests: calls a second.
        bytes: bytes a second.
        concurrent: most calls under way at once, streams included.
    """

    requests: RequestRate | None = None
    bytes: ByteRate | None = None
    concurrent: int | None = Field(default=None, ge=1)


class Limits(Shares):
    """How much of a namespace may be used.

    Attributes:
        requests: calls a second, of all callers together.
        bytes: bytes a second, of all callers together.
        concurrent: most calls under way at once, streams included.
        message_size: most bytes in one request.
        scan_size: most bytes that one reading call gives, all answers of a stream together.
        each_principal: the same for every caller by itself.
    """

    message_size: Annotated[ByteSize, Field(ge=1)] | None = None
    scan_size: Annotated[ByteSize, Field(ge=1)] | None = None
    each_principal: Shares | None = None


class Timeouts(Section):
    """How long calls may take, in seconds.

    Attributes:
        default: for a call with one answer whose caller does not say how long it waits; `longest` where it is not
            given.
        longest: a call with one answer whose caller would wait longer is refused.
        stream: a stream lasts no longer; it ends up to a tenth earlier, so that not all begin anew together.
    """

    default: float | None = Field(default=None, gt=0)
    longest: float | None = Field(default=None, gt=0)
    stream: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> "Timeouts":
        if self.default is not None and self.longest is not None and self.default > self.longest:
            raise refuse("the default is longer than the longest", allowed="a default of at most the longest")
        return self


class Retries(Section):
    """Calls with one answer that the gateway repeats when the store fails: those that were not applied, only read, or
    carry an idempotency key; within the caller's deadline.

    Attributes:
        attempts: most attempts in all.
        first_delay: seconds before the second, doubled for each further one; the half of it is random.
        longest_delay: most seconds between two.
        budget: retries for each call that succeeds, on average; they end while most calls fail.
    """

    attempts: int = Field(default=3, ge=2, le=10)
    first_delay: float = Field(default=0.02, gt=0, le=10)
    longest_delay: float = Field(default=1.0, gt=0, le=60)
    budget: float = Field(default=0.1, gt=0, le=1)


class BreakerSection(Section):
    """When calls are no longer passed to a plugin instance that fails, and how it is tried again.

    Attributes:
        consecutive: failures in a row that open it.
        ratio: share of failures in the window that opens it.
        minimum: calls in the window below which the ratio says nothing.
        window: seconds that are looked back.
        open: seconds that it stays open before it is tried.
        probes: calls that are let through at once to try it; when as many have succeeded, it closes.
        slow: seconds after which a call that its caller gave up counts as a failure.
    """

    consecutive: int | None = Field(default=10, ge=1)
    ratio: float | None = Field(default=0.5, gt=0, le=1)
    minimum: int = Field(default=20, ge=1)
    window: float = Field(default=10.0, gt=0, le=3600)
    open: float = Field(default=5.0, gt=0, le=3600)
    probes: int = Field(default=1, ge=1, le=100)
    slow: float = Field(default=1.0, gt=0, le=3600)


_ACTIVE_TYPES = ("html", "svg", "xml", "javascript", "ecmascript")


def _inline_type(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9!#$&^_.+-]+/([a-z0-9!#$&^_.+-]+|\*)", text):
        raise refuse(f"{text!r} is not a media type", allowed="one in lower case, such as image/png or image/*")
    if any(each in text for each in _ACTIVE_TYPES):
        raise refuse(f"{text!r} could run in a browser", allowed="types that browsers only show")
    return text


class PolicySection(Section):
    """What is done about the calls of a namespace; what is left out is off.

    Attributes:
        limits: how much of it may be used.
        timeouts: how long calls may take.
        retries: what is repeated when the store fails; `{}` for the defaults.
        breaker: when calls are no longer passed to a store that fails; `{}` for the defaults.
        inline_types: media types, such as `image/png` or `image/*`, of objects that browsers may show when they get
            them over plain HTTP; all others are saved. What could run is never shown: HTML, SVG, XML, scripts.
        cors_origins: web pages that may get and put objects over plain HTTP, in place of `gateway.cors.origins`; `[]`
            for none.
    """

    limits: Limits | None = None
    timeouts: Timeouts | None = None
    retries: Retries | None = None
    breaker: BreakerSection | None = None
    inline_types: tuple[Annotated[str, AfterValidator(_inline_type)], ...] = ()
    cors_origins: tuple[Origin, ...] | None = None


def _form(value: Any) -> str:
    return "name" if isinstance(value, str) else "section"


NameOrPolicy = Annotated[
    Annotated[str, Tag("name")] | Annotated[PolicySection, Apart(), Tag("section")], Discriminator(_form)
]
Policies = Annotated[dict[str, Annotated[PolicySection, Apart(), BeforeValidator(empty)]], BeforeValidator(empty)]
