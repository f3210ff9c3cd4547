"""Secrets that are leased: by a provider that speaks to a small Vault."""

import asyncio
import itertools
from pathlib import Path

import pytest

from control import vault as vaults
from control.world import World, store, toy, until
from prism.config.yaml.problem import ConfigInvalid

CREDENTIALS = {
    "username": "{{ secret:database/creds/app#username }}",
    "password": "{{ secret:database/creds/app#password }}",
}


def accept(password: str) -> None:
    """The store wants the password that was issued last, of those who connect from now on."""
    store("a").password = password


async def test_leases_are_renewed_and_replaced_without_a_failed_call(tmp_path: Path) -> None:
    """Twice renewed, then another: the instance with it takes over under load; all are given back at the end."""
    with vaults.serving(vaults.Vault(accept)) as vault:
        world = World(tmp_path, secrets=[vaults.VaultSecrets(vault.url)])
        world.write(toy("profiles", "a", credentials=CREDENTIALS))
        await world.control.start()
        done = asyncio.Event()

        async def call() -> int:
            for count in itertools.count():
                if done.is_set():
                    return count
                await world.put("profiles", b"%d" % count)
                assert await world.get("profiles") == b"%d" % count
                await asyncio.sleep(0)
            raise AssertionError("endless")

        calling = asyncio.create_task(call())
        await until(lambda: store("a").started >= 3)
        done.set()
        assert await calling > 0
        await world.control.stop()
    assert max(vault.renewed.values()) == vaults.RENEWALS
    assert vault.revoked == list(vault.issued)
    assert not store("a").running


async def test_a_provider_that_does_not_answer_keeps_what_serves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The reload is refused with the name of the secret and the reason, and calls are served as before."""
    with vaults.serving(vaults.Vault(accept)) as vault:
        world = World(tmp_path, secrets=[vaults.VaultSecrets(vault.url)])
        world.write(toy("profiles", "a", credentials=CREDENTIALS))
        await world.control.start()
        vault.sealed = True
        await until(lambda: "Vault is sealed" in caplog.text)
        await world.put("profiles", b"v")
        assert "the secret 'database/creds/app#username' cannot be had" in caplog.text
        vault.sealed = False
        await world.control.stop()


async def test_a_provider_that_does_not_answer_at_the_start(tmp_path: Path) -> None:
    """Nothing is started without its secrets."""
    with vaults.serving(vaults.Vault(accept)) as vault:
        vault.sealed = True
        world = World(tmp_path, secrets=[vaults.VaultSecrets(vault.url)])
        world.write(toy("profiles", "a", credentials=CREDENTIALS))
        with pytest.raises(ConfigInvalid, match="cannot be had: Vault answers 503"):
            await world.control.start()
        vault.sealed = False
        await world.control.stop()
