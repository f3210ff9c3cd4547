"""From the section `plugin` of a namespace to where its instance runs; says what does not go together, and where."""

import os
import pwd
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prism.config.sections.plugin import PluginSection, TlsSection
from prism.config.yaml.problem import Loc
from prism.plugins import trust
from prism.plugins.discovery import DISTRIBUTION, Plugin
from prism.plugins.placement import (
    Command,
    Endpoints,
    Here,
    Limits,
    Placement,
    Socket,
    Tls,
    User,
    program_files,
    version_of,
)

_BELONGS = {
    "command": "sidecar",
    "socket": "sidecar",
    "limits": "sidecar",
    "user": "sidecar",
    "endpoint": "remote",
    "endpoints": "remote",
    "tls": "remote",
}
"""The placement that each option is for."""


@dataclass(frozen=True, slots=True)
class Misplaced:
    """Something that cannot be.

    Attributes:
        at: the place in the section; empty for the section itself.
        message: what is wrong and what to do.
        found: what was there.
        allowed: what may be there.
        key: the key is at fault, not its value.
    """

    at: Loc
    message: str
    found: str = ""
    allowed: str = ""
    key: bool = False


def place(section: PluginSection, plugin: Plugin) -> Placement | list[Misplaced]:
    """Where the instance runs, or all that is wrong with what the section says."""
    kind = section.type or plugin.manifest.placement
    problems = [
        Misplaced(
            (option,), f"{option!r} is for plugins of type {_BELONGS[option]!r}, and this one is {kind!r}", key=True
        )
        for option in sorted(section.model_fields_set & _BELONGS.keys())
        if _BELONGS[option] != kind
    ]
    if problems:
        return problems
    builders: dict[str, Callable[[PluginSection, Plugin, list[Misplaced]], Placement | None]] = {
        "in_process": _here,
        "sidecar": _sidecar,
        "remote": _remote,
    }
    placement = builders[kind](section, plugin, problems)
    return problems if problems or placement is None else placement


def _here(_section: PluginSection, plugin: Plugin, problems: list[Misplaced]) -> Placement | None:
    if not plugin.manifest.can_run("in_process"):
        message = f"plugin {plugin.name!r} is not Python and cannot run in the gateway's process"
        problems.append(Misplaced(("type",), message, found="'in_process'", allowed="'sidecar', 'remote'"))
    problems += [Misplaced((), problem) for problem in map(trust.world_writable, _own_files(plugin)) if problem]
    return Here()


def _sidecar(section: PluginSection, plugin: Plugin, problems: list[Misplaced]) -> Placement | None:
    if section.socket is not None:
        problems += [
            Misplaced((option,), f"a plugin that runs already has its own {option!r}; leave it out", key=True)
            for option in ("command", "limits", "user")
            if option in section.model_fields_set
        ]
        return Socket(section.socket.absolute())
    command = section.command or plugin.command()
    if not command:
        message = f"plugin {plugin.name!r} has no program that the gateway could start; give 'command' or 'socket'"
        problems.append(Misplaced(("command",) if section.command else (), message))
        return None
    program = shutil.which(command[0])
    if program is None:
        # Given by the manifest, it is reported when it is started, with all that can be found out about the file.
        if section.command:
            message = "this program does not exist or is not executable; check its path and mode"
            problems.append(Misplaced(("command", 0), message, found=repr(command[0])))
        program = command[0]
    files = (Path(program).absolute(), *_own_files(plugin))
    for file in files:
        if problem := trust.world_writable(file):
            problems.append(Misplaced(("command",) if section.command else (), problem))
    user = _user(section, problems)
    limits = Limits(**{name: value and int(value) for name, value in section.limits})
    version = version_of(files[0], *(() if section.command else _versioned_files(plugin)))
    return Command((program, *command[1:]), limits, user, files, version)


def _versioned_files(plugin: Plugin) -> tuple[Path, ...]:
    """What makes another version of a plugin when it changes: not what its interpreter compiles from it."""
    if plugin.folder is None:
        return ()
    if plugin.manifest.command:
        named = (plugin.folder / each for each in plugin.manifest.command[1:])
        return (*program_files(plugin.folder), *(each for each in named if each.is_file()))
    return tuple(each for each in trust.files_of(plugin.folder) if each.is_file() and each.suffix != ".pyc")


def _own_files(plugin: Plugin) -> tuple[Path, ...]:
    if plugin.folder is None or plugin.distribution == DISTRIBUTION:
        return ()  # of the gateway's own, which would be no better than the gateway itself
    if not plugin.manifest.command:
        return trust.files_of(plugin.folder)
    return (plugin.folder, *(plugin.folder / name for name in ("plugin.toml",)))


def _user(section: PluginSection, problems: list[Misplaced]) -> User | None:
    if section.user is None:
        return None
    try:
        wanted = pwd.getpwuid(section.user) if isinstance(section.user, int) else pwd.getpwnam(section.user)
    except KeyError:
        message = "this user does not exist on this machine"
        problems.append(Misplaced(("user",), message, found=repr(section.user)))
        return None
    if os.geteuid() not in (0, wanted.pw_uid):
        message = "the gateway has no permission to start programs as another user; run it as root, or remove 'user'"
        problems.append(Misplaced(("user",), message, found=repr(section.user)))
    if wanted.pw_uid == os.geteuid():
        return None
    groups = tuple(sorted(os.getgrouplist(wanted.pw_name, wanted.pw_gid)))
    return User(wanted.pw_uid, wanted.pw_gid, groups, wanted.pw_name, wanted.pw_dir)


def _remote(section: PluginSection, plugin: Plugin, problems: list[Misplaced]) -> Placement | None:
    if (section.endpoint is None) == (section.endpoints is None):
        problems.append(Misplaced((), "a remote plugin has either 'endpoint' or 'endpoints'", allowed="host:port"))
        return None
    key = "endpoint" if section.endpoints is None else "endpoints"
    addresses = section.endpoints or (section.endpoint or "",)
    if len(set(addresses)) < len(addresses):
        problems.append(Misplaced((key,), "an endpoint is listed twice; list each once"))
    if len(addresses) > 1 and plugin.manifest.pinned:
        message = f"backend {plugin.name!r} keeps a namespace's data in one process, so it has one endpoint only"
        problems.append(Misplaced((key,), message))
    if section.tls is None:
        for index, address in enumerate(addresses):
            if not _on_this_machine(address):
                message = "without TLS others on the network could read and change what is sent; add 'tls' to 'plugin'"
                at = (key,) if key == "endpoint" else (key, index)
                problems.append(Misplaced(at, message, found=repr(address), allowed="without TLS: 127.0.0.1:port"))
        return Endpoints(addresses)
    return Endpoints(addresses, _tls(section.tls, problems))


def _on_this_machine(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")


def _tls(section: TlsSection, problems: list[Misplaced]) -> Tls:
    if (section.cert is None) != (section.key is None):
        problems.append(Misplaced(("tls",), "'cert' and 'key' belong together: give both, or neither"))
    files = [each for each in (section.ca, section.cert, section.key) if each is not None]
    for name in ("ca", "cert", "key"):
        path = getattr(section, name)
        if path is not None and not os.access(path, os.R_OK):
            message = "this file does not exist, or the gateway has no permission to read it"
            problems.append(Misplaced(("tls", name), message, found=repr(str(path))))
    return Tls(section.ca, section.cert, section.key, section.server_name, version_of(*files))


def watched(placement: Placement, plugin: Plugin) -> Iterator[Path]:
    """The folders whose changes make another version of the plugin, or of its certificates."""
    if isinstance(placement, Command) and plugin.folder is not None and plugin.manifest.command:
        yield plugin.folder
    if isinstance(placement, Endpoints) and placement.tls is not None:
        yield from {
            each.absolute().parent for each in (placement.tls.ca, placement.tls.cert, placement.tls.key) if each
        }
