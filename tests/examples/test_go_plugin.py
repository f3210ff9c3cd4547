"""The example in Go before the acceptance kit: nothing of ours is in it but the contract."""

from pathlib import Path

from google.protobuf import json_format

from examples import gomap as example
from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.acceptance import PluginAcceptanceHarness
from prism.host.testing import running
from prism.sdk import DeclaredCapabilities
from prism.wire import Deadline

gomap = PluginAcceptanceHarness(
    example.plugin(), example.GomapTestBackend, placement="sidecar", ways=("process", "client")
)


async def test_it_is_what_its_manifest_says(gomap_folder: Path) -> None:
    """Name, version, interfaces and capabilities, as GetInfo and Initialize tell them."""
    manifest = example.plugin().manifest
    async with running(example.plugin().command()) as plugin:
        path = "/prism.plugin.v1.PluginInfoService/GetInfo"
        info = pb.GetInfoResponse.FromString(await plugin.channel.unary(path, b"", deadline=Deadline.after(10)))
        assert plugin.initialised.plugin_version == manifest.version
    assert (info.name, info.version, tuple(info.interfaces)) == (manifest.name, manifest.version, manifest.interfaces)
    declared = json_format.MessageToDict(info.capabilities)
    assert DeclaredCapabilities.parse(declared, info.interfaces) == manifest.capabilities


async def test_it_ends_when_it_is_told_to(gomap_folder: Path) -> None:
    """Shutdown without an instance ends the process, with exit code 0."""
    async with running(example.plugin().command()) as plugin:
        assert plugin.initialised.success
    assert plugin.process.returncode == 0
