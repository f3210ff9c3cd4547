"""Any sequence of operations, compared step by step with a plain dict: what no single test above thought of."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest_asyncio
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from prism.acceptance.suites.keyvalue.dsl import LONG, KeyValue, duration
from prism.acceptance.suites.keyvalue.model import selected
from prism.interfaces.keyvalue import Item, PutItem, PutRequest

Answer = TypeVar("Answer")

IDS = st.sampled_from(["a", "a%", "ab", "b", "\u00e9", "\U0010ffff"])
KEYS = st.sampled_from([b"\0", b"a", b"a\0", b"a\xff", b"a\xff\xff", b"b", b"%", b"_", b"\xff", b"\xff\xff"])
BOUNDS = st.one_of(st.just(b""), KEYS, st.sampled_from([b"\xff" * 3, b"a\xfe", b"B", b"\x80"]))
VALUES = st.sampled_from([b"", b"\0", b"v", b"w", b"\xff" * 3])
LIVES = st.sampled_from([None, LONG, 2 * LONG])
LIMITS = st.sampled_from([0, 1, 2, 3, 1000])
SOME_KEYS = st.lists(KEYS, min_size=1, max_size=4, unique=True)

NEW_ITEMS = st.dictionaries(KEYS, st.tuples(VALUES, LIVES), min_size=1, max_size=4)


class Held:
    """What the model knows of an item."""

    def __init__(self, value: bytes, life: float | None, version: bytes) -> None:
        self.value = value
        self.life = life
        self.version = version

    def is_like(self, item: Item) -> bool:
        """Whether the store's item is this one; the moment of expiry is looked at elsewhere."""
        expires = item.HasField("expires_at")
        return (item.value, item.version, expires) == (self.value, self.version, self.life is not None)


class Machine(RuleBasedStateMachine):
    """Runs each operation on the store and on a dict of dicts."""

    def __init__(self, kv: KeyValue, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.kv = kv.elsewhere()
        self.loop = loop
        self.records: dict[str, dict[bytes, Held]] = {}
        self.versions: set[tuple[str, bytes, bytes]] = set()

    def run(self, call: Coroutine[Any, Any, Answer]) -> Answer:
        """The answer of a call."""
        return self.loop.run_until_complete(call)

    def held(self, record: str) -> dict[bytes, Held]:
        """What the model holds of a record."""
        return self.records.get(record, {})

    def store(self, record: str, key: bytes, item: Held) -> None:
        """Notes a write; its version must be new."""
        mark = (record, key, item.version)
        assert mark not in self.versions, "a version used twice"
        self.versions.add(mark)
        self.records.setdefault(record, {})[key] = item

    def forget(self, record: str, key: bytes) -> None:
        """Notes a delete."""
        del self.records[record][key]
        if not self.records[record]:
            del self.records[record]

    def check(self, record: str, items: list[Item], keys: list[bytes]) -> None:
        """The store's items must be the model's, in this order."""
        assert [item.key for item in items] == keys
        assert all(self.held(record)[item.key].is_like(item) for item in items)

    @rule(record=IDS, items=NEW_ITEMS, keep_ttl=st.booleans())
    def put(self, record: str, items: dict[bytes, tuple[bytes, float | None]], keep_ttl: bool) -> None:
        """Put."""
        self.run(self._put(record, items, keep_ttl))

    async def _put(self, record: str, items: dict[bytes, tuple[bytes, float | None]], keep_ttl: bool) -> None:
        request = put_request(record, items, keep_ttl)
        answer = await self.kv.call("Put", request)
        self._note(record, items, keep_ttl, list(answer.versions))

    def _note(
        self, record: str, items: dict[bytes, tuple[bytes, float | None]], keep_ttl: bool, versions: list[bytes]
    ) -> None:
        for (key, (value, life)), version in zip(items.items(), versions, strict=True):
            before = self.held(record).get(key)
            kept = before.life if before else None
            self.store(record, key, Held(value, kept if keep_ttl else life, version))

    @rule(writes=st.dictionaries(IDS, NEW_ITEMS, min_size=1, max_size=4), keep_ttl=st.booleans())
    def batch_put(self, writes: dict[str, dict[bytes, tuple[bytes, float | None]]], keep_ttl: bool) -> None:
        """BatchPut."""
        requests = [put_request(record, items, keep_ttl) for record, items in writes.items()]
        results = self.run(self.kv.batch_put(*requests))
        for (record, items), result in zip(writes.items(), results, strict=True):
            assert (result.id, result.HasField("error")) == (record, False)
            self._note(record, items, keep_ttl, list(result.versions))

    @rule(record=IDS, keys=SOME_KEYS)
    def get(self, record: str, keys: list[bytes]) -> None:
        """Get and Exists."""
        found = [key for key in keys if key in self.held(record)]
        self.check(record, self.run(self.kv.get(record, *keys)), found)
        assert self.run(self.kv.exists(record, *keys)) == found

    @rule(record=IDS, keys=SOME_KEYS)
    def delete(self, record: str, keys: list[bytes]) -> None:
        """Delete of items."""
        found = [key for key in keys if key in self.held(record)]
        answer = self.run(self.kv.delete(record, *keys))
        assert (list(answer.keys), answer.count) == (found, len(found))
        for key in found:
            self.forget(record, key)

    @rule(record=IDS)
    def delete_record(self, record: str) -> None:
        """Delete of a record."""
        answer = self.run(self.kv.delete(record))
        assert (list(answer.keys), answer.count) == ([], len(self.held(record)))
        self.records.pop(record, None)

    @rule(record=IDS, prefix=BOUNDS, start=BOUNDS, end=BOUNDS, reverse=st.booleans(), limit=LIMITS)
    def scan(self, record: str, prefix: bytes, start: bytes, end: bytes, reverse: bool, limit: int) -> None:
        """Scan, page by page."""
        bounds: dict[str, Any] = {"prefix": prefix, "start": start, "end": end, "reverse": reverse}
        items = self.run(self.kv.scan(record, limit=limit, **bounds))
        self.check(record, items, selected(self.held(record), **bounds))

    @rule(prefix=BOUNDS, reverse=st.booleans(), limit=LIMITS)
    def stream(self, prefix: bytes, reverse: bool, limit: int) -> None:
        """ScanStream of the namespace."""
        found = self.run(self.kv.stream(prefix=prefix, reverse=reverse, limit=limit))
        expected = [
            (record, key)
            for record in selected(self.records, reverse=reverse)
            for key in selected(self.records[record], prefix=prefix, reverse=reverse)
        ]
        assert [(record, item.key) for record, item in found] == expected[: limit or None]
        assert all(self.held(record)[item.key].is_like(item) for record, item in found)

    @rule(prefix=st.one_of(st.just(""), IDS), reverse=st.booleans(), limit=LIMITS)
    def list_records(self, prefix: str, reverse: bool, limit: int) -> None:
        """ListRecords, page by page."""
        ids = self.run(self.kv.ids(prefix=prefix, reverse=reverse, limit=limit))
        assert ids == selected(self.records, prefix=prefix.encode(), reverse=reverse)

    @rule(
        record=IDS,
        key=KEYS,
        guess=st.one_of(st.just("absent"), st.just("version"), st.just("stale"), VALUES),
        new=st.one_of(st.none(), VALUES),
        life=LIVES,
    )
    def swap(self, record: str, key: bytes, guess: str | bytes, new: bytes | None, life: float | None) -> None:
        """CompareAndSwap, by value, version or absence, to a value or nothing."""
        before = self.held(record).get(key)
        fields: dict[str, Any] = {"delete": True} if new is None else {"new_value": new, "ttl": life}
        if isinstance(guess, bytes):
            fields["expected_value"] = guess
            matches = before is not None and before.value == guess
        elif guess == "absent":
            fields["expected_absent"] = True
            matches = before is None
        else:
            fields["expected_version"] = before.version if before and guess == "version" else b"stale"
            matches = before is not None and guess == "version"
        answer = self.run(self.kv.swap(record, key, **fields))
        assert answer.swapped == matches
        if matches and new is None:
            if before is not None:
                self.forget(record, key)
        elif matches and new is not None:
            self.store(record, key, Held(new, life, answer.current.version))
        after = self.held(record).get(key)
        assert answer.HasField("current") == (after is not None)
        assert after is None or after.is_like(answer.current)

    @rule(record=IDS, keys=SOME_KEYS, life=st.sampled_from([LONG, 2 * LONG]))
    def expire(self, record: str, keys: list[bytes], life: float) -> None:
        """Expire; the version may or may not change."""
        self._change_lives(record, keys, life, self.run(self.kv.expire(record, *keys, ttl=life)))

    @rule(record=IDS, keys=SOME_KEYS)
    @precondition(lambda self: any(item.life for items in self.records.values() for item in items.values()))
    def persist(self, record: str, keys: list[bytes]) -> None:
        """Persist; the version may or may not change."""
        self._change_lives(record, keys, None, self.run(self.kv.persist(record, *keys)))

    def _change_lives(self, record: str, keys: list[bytes], life: float | None, found: list[bytes]) -> None:
        assert found == [key for key in keys if key in self.held(record)]
        for item in self.run(self.kv.get(record, *keys)):
            held = self.held(record)[item.key]
            self.records[record][item.key] = Held(held.value, life, item.version)

    def teardown(self) -> None:
        """At the end the whole namespace is as the model says."""
        self.stream(b"", False, 0)
        self.list_records("", False, 0)


def put_request(record: str, items: dict[bytes, tuple[bytes, float | None]], keep_ttl: bool) -> PutRequest:
    """A put; with `keep_ttl` the items bring no time to live of their own."""
    lives = {key: duration(life) for key, (_, life) in items.items() if life is not None and not keep_ttl}
    return PutRequest(
        id=record,
        items=[PutItem(key=key, value=value, ttl=lives.get(key)) for key, (value, _) in items.items()],
        keep_ttl=keep_ttl,
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def loop() -> asyncio.AbstractEventLoop:
    """The loop that connections and backends live in; between async tests it is free to be run."""
    return asyncio.get_running_loop()


def test_any_sequence_of_operations(kv: KeyValue, loop: asyncio.AbstractEventLoop) -> None:
    """CONTRACT, KeyValue: a record is a sorted map: a plain dict, driven through the same steps, agrees each time."""
    kv.needs("scan", "ttl", "versions", "compare_and_swap")
    examples = settings(
        max_examples=30 if kv.caller.name == "binding" else 8,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    # Any maker of machines will do, whatever its annotation says.
    run_state_machine_as_test(lambda: Machine(kv, loop), settings=examples)  # type: ignore[arg-type]
