"""Names in Kafka: no two become one, also where Kafka holds `.` and `_` for alike."""

import re
from itertools import combinations

from prism.backends.kafka.names import Names, encoded

WORDS = ["a", "A", "a.b", "a_b", "a-b", "a-2Eb", "-2E", "2E", "a b", "ä", "x" * 600, "x" * 601, "-pubsub", "*", "-x"]


def test_two_names_never_become_one() -> None:
    """Neither as they are nor with `.` in the place of `_`."""
    names = Names("prism")
    made = [names.topic(one, other) for one in WORDS for other in WORDS]
    made += [names.log(one) for one in WORDS] + [names.catalogue]
    made += [names.group(one, other, "g") for one in WORDS for other in WORDS]
    made += [names.dead(one, other, "g") for one in WORDS for other in WORDS]
    alike = [each.replace("_", ".") for each in made]
    assert len({*alike}) == len(made)
    assert all(re.fullmatch(r"[A-Za-z0-9.-]{1,249}", each) for each in made)


def test_parts_do_not_run_into_each_other() -> None:
    """A part has no separator in it."""
    assert all("." not in encoded(each) for each in WORDS)
    for one, other in combinations(WORDS, 2):
        assert encoded(one) != encoded(other)
