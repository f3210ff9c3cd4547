"""Which calls are kept."""

import pytest

from prism.telemetry.tracing.sampling import TAIL_BURST, Sampling, SamplingRule
from prism.wire.grpc.status import Code

SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = SAMPLED[:-1] + "0"


def test_the_callers_flag_decides_where_it_is_honoured() -> None:
    """Both ways; without a caller's header, and where it is malformed, chance does."""
    never, always = Sampling(SamplingRule(ratio=0.0)), Sampling(SamplingRule(ratio=1.0))
    assert never.at_start(SAMPLED)
    assert not always.at_start(UNSAMPLED)
    assert always.at_start("")
    assert not never.at_start("")
    assert not never.at_start("garbage")
    assert never.at_start("cc" + SAMPLED[2:] + "-later")


def test_the_callers_flag_does_not_decide_where_it_is_not() -> None:
    """Callers who are not trusted cannot make us keep everything, nor nothing."""
    assert not Sampling(SamplingRule(ratio=0.0, honour_caller=False)).at_start(SAMPLED)
    assert Sampling(SamplingRule(ratio=1.0, honour_caller=False)).at_start(UNSAMPLED)


def test_chance_keeps_its_ratio() -> None:
    """Of 10,000 calls a tenth, give or take six standard deviations."""
    sampling = Sampling(SamplingRule(ratio=0.1))
    kept = sum(sampling.at_start("") for _ in range(10_000))
    assert 820 < kept < 1180


@pytest.mark.parametrize(
    ("code", "seconds", "why"),
    [
        (Code.OK, 0.1, ""),
        (Code.OK, 0.5, "slow"),
        (Code.UNAVAILABLE, 0.1, "error"),
        (Code.PERMISSION_DENIED, 0.0, "error"),
        (Code.DEADLINE_EXCEEDED, 0.6, "slow"),
        (Code.CANCELLED, 0.1, ""),
    ],
)
def test_failed_and_slow_calls_are_kept(code: Code, seconds: float, why: str) -> None:
    """What the caller gave up is no failure."""
    assert Sampling(SamplingRule(slow=0.5)).at_end(code, seconds) == why


def test_a_flood_of_failures_is_bounded_and_counted() -> None:
    """A store that is down fails every call alike: some of them tell as much as all."""
    sampling = Sampling(SamplingRule())
    tried = int(TAIL_BURST) * 2
    kept = sum(bool(sampling.at_end(Code.UNAVAILABLE, 0.0)) for _ in range(tried))
    assert TAIL_BURST <= kept < tried
    assert sampling.left_out == tried - kept
    (figure,) = sampling.metrics()
    assert figure.values == {(): tried - kept}
