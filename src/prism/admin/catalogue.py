"""The plugins that there are: their manifests, and the options that they take."""

import asyncio
from collections import Counter
from collections.abc import Iterator

from pydantic.errors import PydanticInvalidForJsonSchema

from prism._proto.admin.v1 import admin_pb2 as pb
from prism.admin.action import Actor
from prism.admin.plain import struct
from prism.config.secrets import SECRET_FIELD
from prism.config.yaml.problem import nearest
from prism.control.control import Control
from prism.errors import CallerError, FailedPrecondition
from prism.plugins.discovery import Plugin
from prism.plugins.schema import options
from prism.reason import Reason
from prism.sdk.backend import Config
from prism.wire import Code


class PluginNotFound(CallerError):
    """No plugin of that name was found."""

    code = Code.NOT_FOUND
    default_reason = Reason.PLUGIN_NOT_FOUND


class Catalogue:
    """Lists and describes plugins.

    Args:
        control: knows the plugins, and who is served by them.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    async def list_plugins(self, _request: pb.ListPluginsRequest, _actor: Actor) -> pb.ListPluginsResponse:
        """All, by name."""
        plugins = self._control.plugins
        found = sorted(plugins.found.values(), key=lambda each: each.name)
        served, refused = self._counts()
        # In a thread: whether drivers are installed is a look at the disk.
        messages = await asyncio.to_thread(lambda: [_plugin(each) for each in found])
        for message in messages:
            message.namespaces, message.namespaces_unavailable = served[message.name], refused[message.name]
        broken = [pb.BrokenPlugin(name=each.name, origin=each.origin, problem=each.problem) for each in plugins.broken]
        return pb.ListPluginsResponse(plugins=messages, broken=broken)

    async def describe_plugin(self, request: pb.DescribePluginRequest, _actor: Actor) -> pb.DescribePluginResponse:
        """One.

        Raises:
            PluginNotFound: there is none of that name, or it is broken.
            FailedPrecondition: it is defective.
        """
        plugin = self._plugin(request.plugin)
        response = await asyncio.to_thread(_described, plugin)
        served, refused = self._counts()
        response.plugin.namespaces = served[plugin.name]
        response.plugin.namespaces_unavailable = refused[plugin.name]
        return response

    def _plugin(self, name: str) -> Plugin:
        plugins = self._control.plugins
        if name in plugins.found:
            return plugins.found[name]
        for broken in plugins.broken:
            if broken.name == name:
                raise PluginNotFound(f"plugin {name!r} in {broken.origin} cannot be used: {broken.problem}")
        near = nearest(name, plugins.found)
        hint = f"did you mean {near!r}?" if near else f"there are {', '.join(sorted(plugins.found))}"
        raise PluginNotFound(f"no plugin {name!r} was found; {hint}")

    def _counts(self) -> tuple[Counter[str], Counter[str]]:
        """How many namespaces each plugin serves, and of how many the calls are refused."""
        counted: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        for name, served in self._control.served.items():
            for plugin in {each.spec.instance.plugin.name for each in served.backends}:
                instances = [each for each in served.backends if each.spec.instance.plugin.name == plugin]
                counted[plugin] += 1
                refused[plugin] += name in self._control.disabled or any(
                    each.supervised.refusal(name) for each in instances
                )
        return counted, refused


def _plugin(plugin: Plugin) -> pb.Plugin:
    manifest = plugin.manifest
    missing = plugin.missing_drivers()
    return pb.Plugin(
        name=plugin.name,
        version=manifest.version,
        maturity=manifest.maturity,
        summary=manifest.summary,
        interfaces=manifest.interfaces,
        default_placement=manifest.placement,
        origin=plugin.origin,
        distribution=plugin.distribution,
        pinned=manifest.pinned,
        missing_drivers=missing,
        how_to_install=plugin.how_to_install() if missing else "",
        protocol=manifest.protocol,
    )


def _described(plugin: Plugin) -> pb.DescribePluginResponse:
    return pb.DescribePluginResponse(
        plugin=_plugin(plugin),
        capabilities=struct(plugin.manifest.capabilities.dump()),
        config=_options(plugin, plugin.config_model()),
        credentials=_options(plugin, plugin.credentials_model()),
    )


def _options(plugin: Plugin, model: type[Config]) -> Iterator[pb.PluginOption]:
    try:
        found = [*options(model)]
    except PydanticInvalidForJsonSchema as error:
        raise FailedPrecondition(f"plugin {plugin.name!r} is defective: {error.message}") from error
    for each in found:
        yield pb.PluginOption(
            name=each.name,
            kind=each.kind.replace("`", ""),
            required=each.required,
            default=each.default,
            secret=each.secret or bool(SECRET_FIELD.search(each.name)),
            meaning=each.meaning,
        )
