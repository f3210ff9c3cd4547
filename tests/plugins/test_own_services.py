"""A running plugin that is not what its manifest describes does not serve, wherever it runs."""

from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from plugins.test_remote import endpoints
from prism.acceptance.relay.service import NAME, descriptors
from prism.acceptance.run.remote_plugins import RemotePlugins
from prism.errors import FailedPrecondition
from prism.plugins.in_process import InProcess
from prism.plugins.managed_instance import ManagedInstance
from prism.plugins.placement import Command
from prism.plugins.rpc.remote import Remote
from prism.plugins.sidecar.sidecar import Sidecar
from relays import RELAY, changed, other_descriptors


def in_process(plugin: object) -> ManagedInstance:
    return InProcess(plugin, RELAY.config_model()(), RELAY.credentials_model()())  # type: ignore[arg-type]


async def refused(instance: ManagedInstance, said: str) -> None:
    """It does not start, for this reason."""
    try:
        with pytest.raises(FailedPrecondition, match=said):
            await instance.start()
    finally:
        await instance.stop()


async def test_another_description_is_refused_in_every_placement(tmp_path: Path) -> None:
    """The manifest of one version beside the program of another."""
    plugin = changed(tmp_path, other_descriptors())
    said = r"plugin 'relay' describes prism.acceptance.Relay/Open otherwise than its manifest; install the plugin and"
    await refused(in_process(plugin), said)
    await refused(Sidecar(plugin, Command(RELAY.command()), {}, {}, str), said)
    elsewhere = RemotePlugins(RELAY, tmp_path)
    try:
        await refused(Remote(plugin, await endpoints(elsewhere, 1), {}, {}), said)
    finally:
        await elsewhere.stop()


async def test_what_it_lacks_is_named(tmp_path: Path) -> None:
    """An operation that only the manifest has."""
    files = FileDescriptorSet.FromString(descriptors())
    files.file[-1].service[0].method.add(name="Later")
    files.file[-1].service[0].method[-1].input_type = files.file[-1].service[0].method[0].input_type
    files.file[-1].service[0].method[-1].output_type = files.file[-1].service[0].method[0].output_type
    plugin = changed(tmp_path, files.SerializeToString())
    await refused(in_process(plugin), f"plugin 'relay' lacks {NAME}/Later, which its manifest describes")
