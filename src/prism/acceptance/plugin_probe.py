"""Asks a plugin, of which only the command or address is known, what it is, and writes a manifest of its answer.

A gateway runs no plugin without a manifest, so one is written to a temporary folder, which ends with the program.
"""

import asyncio
import atexit
import json
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.errors import FailedPrecondition, PrismError
from prism.host.testing import NotStarted, running
from prism.plugins.discovery import MANIFEST, Plugin
from prism.plugins.manifest import ManifestInvalid, read
from prism.wire import Channel, Deadline, StatusError

_ADDRESS = re.compile(r"unix:.+|(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}")
_INFORMATION = f"/{pb.DESCRIPTOR.services_by_name['PluginInfoService'].full_name}/GetInfo"
_TIMEOUT = 10.0
_HERE = "import os, sys; os.chdir(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])"
"""A gateway runs in a folder of its own, and what is started by it too; a command is meant for where it was written."""
_KINDS = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "text"), (Mapping, "mapping"))


def is_address(text: str) -> bool:
    """Whether it is where a plugin listens."""
    return _ADDRESS.fullmatch(text) is not None


def command_of(text: str) -> tuple[str, ...]:
    """What runs a command in this folder, wherever it is run from; empty where no such program is found."""
    try:
        program, *arguments = shlex.split(text)
    except ValueError:
        return ()
    found = shutil.which(program)
    return (sys.executable, "-c", _HERE, str(Path.cwd()), str(Path(found).absolute()), *arguments) if found else ()


def listening(address: str, config: Mapping[str, object], credentials: Mapping[str, str]) -> Plugin:
    """The plugin that listens there.

    Raises:
        FailedPrecondition: none does.
    """
    try:
        info = asyncio.run(_asked(address))
    except (StatusError, OSError) as error:
        raise FailedPrecondition(
            f"no plugin answers at {address} ({error}); start the plugin there, or correct the address"
        ) from error
    return _introduced(info, (), config, credentials)


def started(named: str, command: Sequence[str], config: Mapping[str, object], credentials: Mapping[str, str]) -> Plugin:
    """The plugin that the command runs; `named` is how its user wrote it.

    Raises:
        FailedPrecondition: it runs none, or one that does not start with that configuration.
    """
    try:
        info = asyncio.run(_introduces_itself(command, config, credentials))
    except (NotStarted, StatusError, OSError) as error:
        why = str(error).removeprefix(f"{' '.join(command)}: ")
        raise FailedPrecondition(
            f"{named} is not a plugin: {why}; serve it with prism.sdk, or as docs/plugins.md says"
        ) from error
    except PrismError as error:
        raise FailedPrecondition(f"{named} does not start with this configuration: {error}") from error
    return _introduced(info, command, config, credentials)


async def _asked(address: str) -> pb.GetInfoResponse:
    channel = Channel(address)
    try:
        answer = await channel.unary(_INFORMATION, b"", deadline=Deadline.after(_TIMEOUT))
    finally:
        await channel.close()
    return pb.GetInfoResponse.FromString(answer)


async def _introduces_itself(
    command: Sequence[str], config: Mapping[str, object], credentials: Mapping[str, str]
) -> pb.GetInfoResponse:
    async with running(command, config, credentials) as plugin:
        answer = await plugin.channel.unary(_INFORMATION, b"", deadline=Deadline.after(_TIMEOUT))
    return pb.GetInfoResponse.FromString(answer)


def _introduced(
    info: pb.GetInfoResponse, command: Sequence[str], config: Mapping[str, object], credentials: Mapping[str, str]
) -> Plugin:
    text = _manifest(info, command, config, credentials)
    folder = Path(tempfile.mkdtemp(prefix="prism-plugin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    within = folder / "plugin"
    within.mkdir()
    (within / MANIFEST).write_text(text)
    try:
        return Plugin(read(text.encode()), str(within), "", within)
    except ManifestInvalid as error:
        raise FailedPrecondition(f"what the plugin says of itself cannot be used: {error}; correct GetInfo") from error


def _manifest(
    info: pb.GetInfoResponse, command: Sequence[str], config: Mapping[str, object], credentials: Mapping[str, str]
) -> str:
    """Its manifest, in TOML, of whose values JSON's are a part; the options are those that are given."""
    fields: dict[str, Any] = {
        "name": info.name,
        "version": info.version,
        "protocol": 1,
        "summary": "As it says of itself.",
        "maturity": "alpha",
        "interfaces": list(info.interfaces),
        "pinned": True,  # it may be; two processes on one store are not assumed to be one
    }
    declared = json_format.MessageToDict(info.capabilities)
    lines = [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
    lines += [f"command = {json.dumps(list(command))}"] if command else []
    lines += ["[capabilities]", *(f"{name} = {_toml(value)}" for name, value in sorted(declared.items()))]
    lines += [
        "[config]",
        *(f"{json.dumps(name)} = {{type = {json.dumps(_kind(each))}}}" for name, each in config.items()),
    ]
    lines += ["[credentials]", *(f"{json.dumps(name)} = {{secret = true}}" for name in credentials)]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """A declared value; numbers come as floating ones and are whole."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + "}"
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)


def _kind(value: object) -> str:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "list")
