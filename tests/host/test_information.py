"""What a plugin tells of itself is what its manifest says."""

import pytest
from google.protobuf import json_format

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.host.information import Information
from prism.host.instances import Instances
from prism.plugins.discovery import discover
from prism.sdk import DeclaredCapabilities
from prism.wire import Channel, Deadline, Server

PATH = "/prism.plugin.v1.PluginInfoService/GetInfo"


@pytest.mark.parametrize("name", sorted(discover().found))
async def test_get_info_is_the_manifest(name: str) -> None:
    """Name, version, interfaces, every capability, and the protocol that is spoken; before anything is initialised."""
    plugin = discover().found[name]
    methods = {each.path: each for each in Information(Instances(plugin)).methods()}
    async with Server(methods.get) as server, Channel(await server.listen("127.0.0.1:0")) as channel:
        info = pb.GetInfoResponse.FromString(await channel.unary(PATH, b"", deadline=Deadline.after(10)))
    manifest = plugin.manifest
    assert (info.name, info.version, info.backend, info.role) == (name, manifest.version, name, "backend")
    assert tuple(info.interfaces) == manifest.interfaces
    assert list(info.protocol_versions) == [manifest.protocol]
    declared = json_format.MessageToDict(info.capabilities)
    assert declared == manifest.capabilities.dump()
    assert {type(value) for value in declared.values()} == {str, dict}  # no value is a text of another language
    assert DeclaredCapabilities.parse(declared, info.interfaces) == manifest.capabilities
