"""Topics and the patterns that match them: tokens split by dots. Source: prism/data/v1/pubsub.proto."""

from collections.abc import Callable

ONE = "*"
REST = ">"


def fault(topic: str, *, pattern: bool = False) -> str:
    """What is wrong with a topic, or with a pattern of topics; empty where nothing is."""
    tokens = topic.split(".")
    if "" in tokens:
        return "no token between dots may be empty"
    if pattern:
        return f"{REST!r} may only be the last token" if REST in tokens[:-1] else ""
    return f"{ONE!r} and {REST!r} are for patterns; a topic has no such token" if {ONE, REST} & {*tokens} else ""


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a topic matches the pattern, as a function of the topic; both are free of faults."""
    tokens = pattern.split(".")
    rest = tokens[-1] == REST
    fixed = [(place, token) for place, token in enumerate(tokens) if token != ONE and not (rest and token == REST)]
    count = len(tokens)

    def matches(topic: str) -> bool:
        found = topic.split(".")
        if len(found) < count or (len(found) > count and not rest):
            return False
        return all(found[place] == token for place, token in fixed)

    return matches if ONE in tokens or rest else pattern.__eq__
