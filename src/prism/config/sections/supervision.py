"""The section `supervision`: how instances of plugins are probed, and started again when they fail."""

from pydantic import Field, model_validator

from prism.config.sections.section import Section, refuse


class SupervisionSection(Section):
    """How plugin instances are supervised; all times are in seconds.

    Attributes:
        probe_interval: between two probes of an instance.
        probe_timeout: after which a store that does not answer a probe counts as down.
        stuck_after: probes in a row that neither a plugin nor its process answers before the process is ended.
        restarts: budget of starts again for a plugin that ends by itself; the first half is spent without a pause, then
            the pauses double, and with an empty budget each is `backoff_max`.
        restart_window: healthy time that gives a spent budget back.
        backoff_first: pause after the first failed attempt to start; it doubles with each further one.
        backoff_max: the longest pause between two attempts.
    """

    probe_interval: float = Field(default=10.0, ge=0.01, le=3600)
    probe_timeout: float = Field(default=5.0, ge=0.01, le=300)
    stuck_after: int = Field(default=3, ge=1, le=1000)
    restarts: int = Field(default=20, ge=1, le=10_000)
    restart_window: float = Field(default=40.0, ge=0.1, le=86_400)
    backoff_first: float = Field(default=0.2, ge=0.01, le=60)
    backoff_max: float = Field(default=30.0, ge=0.01, le=3600)

    @model_validator(mode="after")
    def _in_order(self) -> "SupervisionSection":
        if {"backoff_first", "backoff_max"} <= self.model_fields_set and self.backoff_first > self.backoff_max:
            raise refuse("backoff_first is longer than backoff_max", allowed="a backoff_first of at most backoff_max")
        return self
