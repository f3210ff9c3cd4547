"""Policies in the life of a configuration: they reach the snapshot, and change without touching what serves."""

from control.world import World, toy


async def test_a_policy_changes_with_a_reload_and_nothing_else_does(world: World) -> None:
    """The instance stays; the snapshot has the new policy, and the report says that policies changed."""
    world.write(toy("a", "s"), policies={"default": {"timeouts": {"longest": 1}}})
    await world.control.start()
    before = world.gateway.snapshot.namespaces["a"]
    report = await world.control.reload()
    assert not report.policy
    assert world.gateway.snapshot.namespaces["a"] is before
    world.write(toy("a", "s") | {"policy": {"timeouts": {"longest": 2}}})
    report = await world.control.reload()
    assert (report.policy, list(report.changed)) == (True, [])
    assert str(report).endswith("namespaces unchanged, policies changed")
    after = world.gateway.snapshot.namespaces["a"]
    assert after.instances == before.instances
    assert after.policy is not None
    assert after.policy.timeouts is not None
    assert after.policy.timeouts.longest == 2
