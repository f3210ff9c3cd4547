"""The reports: counts by suite and plugin, each skip with its reason, the rules that are broken."""

import json

from prism.acceptance.report import document, markdown, summary
from prism.acceptance.results import Case, Results


def case(outcome: str, *, plugin: str = "shelf", rule: str = "CONTRACT, Put: whole.", reason: str = "") -> Case:
    """A case of the KeyValue suite."""
    return Case("keyvalue", "KeyValue", plugin, "sidecar", "grpc", "test_x[shelf-grpc]", rule, outcome, reason)  # type: ignore[arg-type]


RESULTS = Results(
    [
        case("passed"),
        case("failed", reason="assert 1 == 2"),
        case("skipped", reason="not declared: ttl"),
        case("skipped", reason="not declared: ttl"),
        case("skipped", reason="not applicable: no server"),
        case("passed", plugin="other"),
    ]
)


def test_a_summary_counts_and_names_broken_rules() -> None:
    """RFC-008's summary, the broken rules before it."""
    text = summary(RESULTS)
    assert text.index("Broken rules:\n  CONTRACT, Put: whole.\n    shelf, sidecar by grpc: test_x[shelf-grpc]") == 0
    assert "1/2 tests passed; skipped: 1 not applicable: no server, 2 not declared: ttl" in text
    assert "other (sidecar):" in text


def test_a_page_has_a_row_for_each_plugin() -> None:
    """Markdown: passed, failed, skipped and why."""
    page = markdown(RESULTS)
    assert "| KeyValue | shelf | sidecar | grpc | 1 | 1 | 1 not applicable: no server; 2 not declared: ttl |" in page
    assert "| KeyValue | other | sidecar | grpc | 1 | 0 |  |" in page
    assert "- CONTRACT, Put: whole. (1 tests)" in page


def test_a_document_has_every_case() -> None:
    """JSON: the same counts, and each case with its rule."""
    written = json.loads(document(RESULTS))
    assert [each["passed"] for each in written["summary"]] == [1, 1]
    assert [each["rule"] for each in written["cases"]] == ["CONTRACT, Put: whole."] * 6
