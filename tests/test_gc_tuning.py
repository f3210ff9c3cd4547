"""The heap of a process that serves, in a process of its own."""

import os
import subprocess
import sys

import pytest

_COUNT = """
import gc, resource, sys
from prism import gc_tuning
if sys.argv[1] == "settled":
    gc_tuning.settle()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(200):
        some = [bytes(200_000) for _ in range(20)]
        del some
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults(), gc.get_freeze_count())
"""


def _measure(state: str) -> tuple[int, int]:
    done = subprocess.run([sys.executable, "-c", _COUNT, state], capture_output=True, text=True, check=True)
    faults, frozen = map(int, done.stdout.split())
    return faults, frozen


def test_what_a_call_needs_is_kept_for_the_next() -> None:
    """Blocks of a read's size are not got from the kernel each time, page by page; what was there is set aside."""
    if "glibc" not in os.confstr("CS_GNU_LIBC_VERSION"):
        pytest.skip("the C library is not glibc")
    (faults, frozen), (settled, aside) = _measure("as it is"), _measure("settled")
    assert frozen == 0
    assert aside > 1000
    # 4 MB, of pages of 4 KiB, are got once.
    assert settled < 4_000 < faults


_LOOKS = """
import gc, sys
from prism import gc_tuning
if sys.argv[1] == "settled":
    gc_tuning.settle()
before = sum(generation["collections"] for generation in gc.get_stats())
for _ in range(100):
    some = [[] for _ in range(5_000)]
    del some
print(sum(generation["collections"] for generation in gc.get_stats()) - before)
"""


def test_the_collector_does_not_look_because_calls_come_and_go() -> None:
    """What is made and freed again is not for it."""
    looks = {
        state: int(
            subprocess.run([sys.executable, "-c", _LOOKS, state], capture_output=True, text=True, check=True).stdout
        )
        for state in ("as it is", "settled")
    }
    assert looks["settled"] <= 1 < 100 < looks["as it is"]


_IMPORTS = """
import gc
from prism import gc_tuning
before = sum(generation["collections"] for generation in gc.get_stats())
with gc_tuning.importing():
    made = [[] for _ in range(50_000)]
some = [[] for _ in range(100)]
print(sum(generation["collections"] for generation in gc.get_stats()) - before, gc.isenabled())
"""


def test_the_collector_does_not_go_through_what_was_imported() -> None:
    """Neither meanwhile nor as soon as it may look again: a tenth of the processor time of a start."""
    done = subprocess.run([sys.executable, "-c", _IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "True"]
