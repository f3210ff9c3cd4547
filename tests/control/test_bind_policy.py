"""What is open stays open until a restart, whatever a reload says: it must not be left without anybody who asks."""

from pathlib import Path
from typing import Any

import pytest
import trustme

from control.world import World, toy
from prism.config.yaml.problem import ConfigInvalid

ASKED = {"methods": [{"type": "api_keys", "keys": [{"name": "ci", "hash": f"sha256:{'0' * 64}"}]}]}
ANYWHERE = "0.0.0.0:0"


@pytest.fixture
def admin(tmp_path: Path) -> dict[str, Any]:
    """An admin port that other machines reach."""
    issued = trustme.CA().issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    return {"listen": ANYWHERE, "tls": {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}}


async def refused(world: World, **sections: Any) -> str:
    """The path of the problem for which a reload of these sections changes nothing."""
    before = world.gateway.snapshot
    world.write(toy("a", "s"), **sections)
    report = await world.control.reload()
    assert not report.applied
    assert world.gateway.snapshot is before
    (problem,) = report.problems
    assert f"'{ANYWHERE}'" in problem.found
    return problem.path


async def test_the_data_port_is_not_left_open(world: World) -> None:
    """An address of this machine only, beside it in the file, is none before the restart."""
    world.write(toy("a", "s"), gateway={"listen": ANYWHERE}, authentication=ASKED)
    await world.control.start()
    assert await refused(world, gateway={"listen": "127.0.0.1:0"}) == "gateway.listen"
    world.write(toy("a", "s"), gateway={"listen": "127.0.0.1:0"}, authentication="none")
    assert (await world.control.reload()).applied


async def test_nor_an_address_of_the_command_line(tmp_path: Path) -> None:
    """The file does not know it; what it says of its own address does not count then."""
    world = World(tmp_path, listen=(ANYWHERE,))
    world.write(toy("a", "s"))
    with pytest.raises(ConfigInvalid, match="--listen"):
        await world.control.start()
    world.write(toy("a", "s"), authentication=ASKED)
    await world.control.start()
    assert await refused(world) == "--listen"
    await world.control.stop()


async def test_nor_the_admin_port(world: World, admin: dict[str, Any]) -> None:
    """Not by `none` either: whoever reaches it may stop everything."""
    world.write(toy("a", "s"), admin=admin, authentication=ASKED)
    await world.control.start()
    for authentication in ({}, {"authentication": "none"}):
        assert await refused(world, **authentication) == "admin.listen"
    world.write(toy("a", "s"), authentication=ASKED)
    assert (await world.control.reload()).applied
    assert await refused(world) == "admin.listen"
