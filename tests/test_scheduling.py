"""What runs in one process in a run of several."""

from pathlib import Path

import pytest

from scheduling import LONG_FIRST, ONE_SERVER, scope

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("folder", ONE_SERVER)
def test_files_of_one_server_run_together(folder: str) -> None:
    """It is started once, whatever the number of processes."""
    files = [*(ROOT / folder).glob("test_*.py")]
    assert len(files) > 1
    assert {scope(f"{path.relative_to(ROOT)}::test_one[case]") for path in files} == {folder}


def test_other_files_and_groups_are_apart() -> None:
    """A test is of its group, else of its file."""
    assert scope("tests/wire/test_http.py::test_one[case]") == "tests/wire/test_http.py"
    assert scope("kafka-binding") == "kafka-binding"


def test_what_comes_first_is_there() -> None:
    """A folder that was renamed would come last."""
    assert [each for each in LONG_FIRST if not (ROOT / "tests" / each).is_dir()] == []
