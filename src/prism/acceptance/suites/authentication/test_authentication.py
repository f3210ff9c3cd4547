"""Valid, invalid, missing and expired credentials, rotation while serving, every connection of the pool."""

import asyncio
from collections.abc import Awaitable, Mapping

import pytest

from prism.acceptance.callers.process import ProcessCaller
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.skips import NO_WORKLOAD, not_applicable
from prism.acceptance.store.backend import Disconnectable, Rotatable, TestBackend
from prism.acceptance.subject import Subject
from prism.acceptance.workload import StoringWorkload, Workload, served_by, workload_of, workloads
from prism.errors import PrismError
from prism.host.testing import RunningPlugin, running


async def use(subject: Subject, plugin: RunningPlugin, number: int = 0) -> None:
    """One write, and where it can be read one read, which must agree."""
    workload = workload_on(subject, plugin)
    await workload.write(number)
    if isinstance(workload, StoringWorkload):
        assert await workload.read(number) == number


def workload_on(subject: Subject, plugin: RunningPlugin) -> Workload:
    """The plugin's abstraction that keeps what it is given, else another one; always in the same namespace."""
    served = served_by(subject.plugin)
    name = next((each for each in served if issubclass(workloads()[each], StoringWorkload)), served[0])
    return workload_of(name, ProcessCaller(subject, Namespaces(name), [plugin]), "authentication")


async def outcome_of(call: Awaitable[None]) -> set[str]:
    """The reason of the error that a call ends in, or the empty text."""
    try:
        await call
    except PrismError as error:
        return {error.reason}
    return {""}


def wrong(credentials: Mapping[str, str]) -> dict[str, str]:
    """The same names with other secrets."""
    last = list(credentials)[-1]
    return {**credentials, last: credentials[last] + "-not"}


async def rotate(store: TestBackend) -> None:
    """Gives the account another secret; skips where the store's credentials cannot be changed."""
    if not isinstance(store, Rotatable) or "rotate_credentials" in store.lacks:
        not_applicable(store.lacks.get("rotate_credentials", "the store's test backend cannot change credentials"))
    await store.rotate_credentials()


async def refuse(subject: Subject, credentials: Mapping[str, str]) -> PrismError:
    """The error of an instance that must not start."""
    with pytest.raises(PrismError) as caught:
        async with running(subject.command, subject.config, credentials):
            pass
    return caught.value


def needs_calls(subject: Subject) -> None:
    """Skips where there is nothing to call."""
    if not served_by(subject.plugin):
        not_applicable(NO_WORKLOAD)


async def test_valid_credentials_are_accepted(guarded: Subject) -> None:
    """RFC-008, authentication 1: the plugin initialises with valid credentials, and serves."""
    needs_calls(guarded)
    async with running(guarded.command, guarded.config, guarded.credentials) as plugin:
        await use(guarded, plugin)


async def test_invalid_credentials_are_refused(guarded: Subject) -> None:
    """RFC-008, authentication 2: the plugin rejects invalid credentials as its store does: UNAUTHENTICATED."""
    error = await refuse(guarded, wrong(guarded.credentials))
    assert error.reason == "BACKEND_CREDENTIALS"
    assert not any(secret in error.message for secret in wrong(guarded.credentials).values() if len(secret) > 12)


async def test_missing_credentials_are_detected(guarded: Subject) -> None:
    """RFC-008, authentication 3: missing credentials are detected: by the plugin, or by the store that it asks."""
    error = await refuse(guarded, {})
    assert error.reason in ("BACKEND_CREDENTIALS", "INVALID_ARGUMENT")


async def test_expired_credentials_are_refused(guarded: Subject, store: TestBackend) -> None:
    """RFC-008, authentication 4: credentials that were valid once are refused."""
    before = guarded.credentials
    await rotate(store)
    assert (await refuse(guarded, before)).reason == "BACKEND_CREDENTIALS"


async def test_rotation_while_serving(guarded: Subject, store: TestBackend) -> None:
    """RFC-008, authentication 5: after a rotation calls fail with the store's refusal or go on; new ones serve."""
    needs_calls(guarded)
    async with running(guarded.command, guarded.config, guarded.credentials) as old:
        await use(guarded, old, 1)
        await rotate(store)
        if isinstance(store, Disconnectable):
            await store.disconnect()
        reasons: set[str] = set()
        for number in range(20):
            reasons |= await outcome_of(use(guarded, old, number))
        assert reasons <= {"", "BACKEND_CREDENTIALS", "BACKEND_UNAVAILABLE"}
        async with running(guarded.command, guarded.config, store.credentials()) as fresh:
            await use(guarded, fresh, 2)
            workload = workload_on(guarded, fresh)
            if isinstance(workload, StoringWorkload):
                assert await workload.read(1) == 1


async def test_every_pooled_connection_authenticates(guarded: Subject) -> None:
    """RFC-008, authentication 6: many calls at once, on as many connections as the pool has, all succeed."""
    needs_calls(guarded)
    async with running(guarded.command, guarded.config, guarded.credentials) as plugin:
        await asyncio.gather(*(use(guarded, plugin, number) for number in range(100)))
