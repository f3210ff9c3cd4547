"""A circuit breaker: while a plugin instance fails, calls are refused at once instead of waiting for it.

Closed: calls pass and their ends are counted. Open: none passes. Half open: a few pass, and decide.
"""

import enum
from time import monotonic
from typing import Final

from prism.config.sections.policy import BreakerSection


class State(enum.IntEnum):
    """What a breaker does with calls; the numbers are those of the metric."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


CLOSED: Final = State.CLOSED
"""For what is asked in every call: on CPython 3.11 a member by its class takes ten times as long."""


class Breaker:
    """One breaker.

    Attributes:
        section: when it opens.
        state: what it does with calls.
        trips: how often it has opened.
        era: grows when it opens and when its instance has come up anew: what began in another one counts no more.
        incarnation: of the instance, as far as it knows.
    """

    __slots__ = (
        "_bad",
        "_good",
        "_in_a_row",
        "_open_until",
        "_probed_at",
        "_probing",
        "_turn_at",
        "era",
        "incarnation",
        "section",
        "state",
        "trips",
    )

    def __init__(self, section: BreakerSection, incarnation: int = 0) -> None:
        self.section = section
        self.era = 0
        self.incarnation = incarnation
        self.state = State.CLOSED
        self.trips = 0
        self._in_a_row = 0
        self._open_until = 0.0
        self._probing = 0
        self._probed_at = 0.0
        # Two halves of the window: this one, and the one before it.
        self._good = [0, 0]
        self._bad = [0, 0]
        self._turn_at = monotonic() + self.section.window / 2

    @property
    def opens_in(self) -> float:
        """Seconds until it is tried; 0 where it is not open."""
        return max(0.0, self._open_until - monotonic()) if self.state is State.OPEN else 0.0

    def admit(self) -> float:
        """Lets a call pass: 0; else the seconds after which another try may help."""
        if self.state is State.CLOSED:
            return 0.0
        if self.state is State.OPEN:
            if (wait := self._open_until - monotonic()) > 0:
                return wait
            self.state, self._probing, self._in_a_row = State.HALF_OPEN, 0, 0
        now = monotonic()
        # A probe that never ends must not keep the breaker from trying again.
        if self._probing >= self.section.probes and now - self._probed_at < self.section.open:
            return min(1.0, self.section.open)
        self._probing += 1
        self._probed_at = now
        return 0.0

    def came_up(self, incarnation: int) -> None:
        """Told which incarnation of the instance there is: of a new one nothing bad is known, and it is closed."""
        if incarnation != self.incarnation:
            self.incarnation = incarnation
            self.era += 1
            self.state = State.CLOSED
            self._start_anew()

    def succeeded(self, era: int) -> None:
        """A call that was let pass in this era has ended well."""
        if era != self.era:
            return  # it began before the breaker opened, and says nothing of how things are now
        self._in_a_row = 0
        if self.state is CLOSED:
            if monotonic() >= self._turn_at:
                self._turn()
            self._good[0] += 1
        elif self.state is State.HALF_OPEN:
            self._probing -= 1
            self._good[0] += 1
            if self._good[0] >= self.section.probes:
                self._start_anew()
                self.state = State.CLOSED

    def failed(self, era: int) -> None:
        """It has failed by the instance's fault."""
        if era != self.era:
            return
        if self.state is State.HALF_OPEN:
            self._open()
        elif self.state is State.CLOSED:
            self._turn()
            self._in_a_row += 1
            self._bad[0] += 1
            if self._is_bad():
                self._open()

    def abandoned(self, era: int) -> None:
        """It has ended without saying anything of the instance."""
        if era == self.era and self.state is State.HALF_OPEN:
            self._probing -= 1

    def _is_bad(self) -> bool:
        section = self.section
        if section.consecutive is not None and self._in_a_row >= section.consecutive:
            return True
        bad = sum(self._bad)
        calls = bad + sum(self._good)
        return section.ratio is not None and calls >= section.minimum and bad >= section.ratio * calls

    def _open(self) -> None:
        self.state = State.OPEN
        self.trips += 1
        self.era += 1
        self._open_until = monotonic() + self.section.open
        self._start_anew()

    def _start_anew(self) -> None:
        self._good, self._bad = [0, 0], [0, 0]
        self._in_a_row = self._probing = 0
        self._turn_at = monotonic() + self.section.window / 2

    def _turn(self) -> None:
        half = self.section.window / 2
        over = monotonic() - self._turn_at
        if over >= 0:
            halves = int(over / half) + 1
            self._turn_at += halves * half
            self._good = [0, self._good[0] if halves == 1 else 0]
            self._bad = [0, self._bad[0] if halves == 1 else 0]
