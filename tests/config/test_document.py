"""YAML with places: what is understood, and how every kind of wrong text is refused."""

from pathlib import Path

import pytest

from prism.config.yaml.document import Document, parse, read
from prism.config.yaml.nodes import MAX_DEPTH
from prism.config.yaml.problem import ConfigInvalid, Problem


def doc(text: str) -> Document:
    return parse(text.encode(), "prism.yaml")


def refused(content: bytes) -> Problem:
    with pytest.raises(ConfigInvalid) as caught:
        parse(content, "prism.yaml")
    return caught.value.problems[0]


def test_places_are_those_of_the_file() -> None:
    """A value's line and column are where an editor goes; a key's are its own."""
    document = doc("a:\n  - name: x\n    config:\n      size: 5\n")
    value = document.problem(("a", 0, "config", "size"), "wrong")
    key = document.problem(("a", 0, "config", "size"), "wrong", key=True)
    assert (value.place, value.path) == ("prism.yaml:4:13", "a[0].config.size")
    assert key.place == "prism.yaml:4:7"


def test_the_place_of_a_missing_value_is_what_should_hold_it() -> None:
    """There is a line to go to even for what is not there."""
    problem = doc("a:\n  - name: x\n").problem(("a", 0, "backend"), "missing")
    assert (problem.place, problem.path) == ("prism.yaml:2:5", "a[0].backend")


def test_only_true_and_false_are_booleans() -> None:
    """The core schema of YAML 1.2: `no`, `on`, 1:30 and dates are text, numbers are numbers."""
    data = doc("{a: no, b: on, c: 1:30, d: 2020-01-01, e: true, f: 0o17, g: 0x1F, h: 1.5e3, i: ~, j: -7, k: }").data
    assert data == {
        "a": "no", "b": "on", "c": "1:30", "d": "2020-01-01", "e": True, "f": 15, "g": 31, "h": 1500.0, "i": None,
        "j": -7, "k": None,
    }  # fmt: skip


def test_anchors_aliases_and_merges() -> None:
    """Defaults can be shared; what a mapping says itself wins; places are those of the shared text."""
    document = doc("base: &b {x: 1, y: 2}\nn:\n  - {<<: *b, y: 3}\n  - {<<: *b}\n  - *b\n")
    assert document.data["n"] == [{"x": 1, "y": 3}, {"x": 1, "y": 2}, {"x": 1, "y": 2}]
    assert document.problems == ()
    assert document.problem(("n", 0, "x"), "wrong").line == 1


def test_of_several_merged_mappings_the_first_wins() -> None:
    """As the merge key's definition says."""
    assert doc("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}").data["c"] == {"x": 1, "y": 2}


def test_duplicate_keys_are_problems_with_both_places() -> None:
    """The second is told with the line of the first, wherever they are; what can be read is read."""
    document = doc("a: 1\nn:\n  - name: x\n    name: y\n    c: {p: 1, p: 2}\na: 2\n")
    found = {(each.line, each.path) for each in document.problems}
    assert found == {(6, ""), (4, "n[0]"), (5, "n[0].c")}
    assert "'a' comes twice; it is first on line 1" in next(p.message for p in document.problems if p.line == 6)


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", 0, "empty"),
        (b"# nothing but this\n", 0, "empty"),
        (b"- a\n- b\n", 1, "not a mapping"),
        (b"just text", 1, "not a mapping"),
        (b"a: 1\n\tb: 2\n", 2, "a tab indents this line"),
        (b"a:\n\t- b\n", 2, "a tab indents this line"),
        (b"a: 'x\n", 2, "a quote is not closed"),
        (b"n:\n  - name: a\n b: 1\n", 3, "check the indentation"),
        (b"n:\n  - a\n  b: 1\n", 3, "the entries of one list begin in one column"),
        (b"a: {b: 1\nc: 2\n", 2, "end the mapping with '}'"),
        (b"a: [b, c\n", 2, "end the list with ']'"),
        (b"a: 1\nb: x: y\n", 2, "':' where no key is expected"),
        (b"a: @b\n", 1, "put the value in quotes"),
        (b"a: *hunter2\n", 1, "an alias of an anchor"),
        (b"a: {x: ${Y}}\n", 1, "in quotes"),
        (b"a: 1\n---\nb: 2\n", 2, "one document"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
        (b"a: 1\nb: x\x01y\n", 2, "control character"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", 1, "not UTF-8"),
        (b"a: " + b"[" * 60_000 + b"]" * 60_000, 0, "nested deeper"),
        (b"a:\n " + b"- " * 60_000, 0, "nested deeper"),
    ],
)
def test_what_is_no_configuration_is_refused_by_line(content: bytes, line: int, message: str) -> None:
    """One sentence about the text, at its line; the parser's own words or a crash reach nobody."""
    problem = refused(content)
    assert message in problem.message
    assert problem.line == line
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {{ secret:x }}", "quote a reference"),
        ("a: !vault x", "tags are not understood"),
        ("a: !!python/object:os.system {}", "tags are not understood"),
        ("a: !!int x", "cannot be read"),
        ("a: " + "9" * 5000, "cannot be read"),
        ("a: &a [*a]", "contains itself"),
        ("a: &a {<<: *a}", "<<"),
        ("a: {<<: 5}", "<<"),
        ("? [x]\n: y", "a key is text"),
    ],
)
def test_what_cannot_be_read_is_a_problem_and_not_the_end(text: str, message: str) -> None:
    """The rest of the document is there, so that its problems can be told at the same time."""
    document = doc(f"{text}\nother: 1\n")
    assert message in document.problems[0].message
    assert document.data["other"] == 1


def test_aliases_cannot_expand_without_bounds() -> None:
    """The billion laughs end with a problem, soon."""
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10))
    document = doc(f"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{levels}\n")
    assert len(document.problems) == 1
    assert "aliases expand" in document.problems[0].message


def test_depth_within_bounds_is_read() -> None:
    """The bound is far from what a configuration needs."""
    depth = MAX_DEPTH - 1
    assert doc("a: " + "[" * depth + "]" * depth).problems == ()


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A missing file, a directory."""
    with pytest.raises(ConfigInvalid, match=r"nowhere\.yaml[\s\S]*no such file"):
        read(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigInvalid, match="directory"):
        read(tmp_path)


def test_a_byte_order_mark_is_not_text(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    file = tmp_path / "prism.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read(file).data == {"a": 1, "b": 2}
