"""The headers of W3C Trace Context."""

import pytest

from prism.telemetry.tracing.trace_context import TraceContext, parse

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"00-{TRACE}-{SPAN}-fe", False),
        (f"01-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", True),
    ],
)
def test_well_formed(header: str, sampled: bool) -> None:
    """This version, and later ones as far as this one knows them; only the sampled flag has a meaning."""
    assert parse(header) == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "garbage",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"cc-{TRACE}-{SPAN}-01more",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_what_is_not_well_formed_counts_as_nothing(header: str) -> None:
    """The standard says so: a new trace begins."""
    assert parse(header) is None


def test_written_as_it_was_read() -> None:
    """What we send is what we would read."""
    context = TraceContext(TRACE, SPAN, True)
    assert parse(str(context)) == context
    assert str(TraceContext(TRACE, SPAN, False)).endswith("-00")
