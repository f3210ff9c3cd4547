"""A namespace whose instance is to be replaced although nothing in its configuration has changed."""

from collections.abc import Collection
from dataclasses import dataclass

from prism.config.specification import Loaded
from prism.config.yaml.problem import nearest
from prism.errors import FailedPrecondition, NamespaceNotFound
from prism.reason import Reason


@dataclass(frozen=True, slots=True)
class Replacement:
    """The order.

    Attributes:
        namespace: whose instance.
        version: of the plugin that is to serve; empty for whichever is there.
    """

    namespace: str
    version: str = ""

    def check(self, loaded: Loaded) -> None:
        """Passes where it can be tried.

        Raises:
            NamespaceNotFound: the configuration has no such namespace.
            FailedPrecondition: another version of the plugin is in place.
        """
        spec = loaded.namespaces.get(self.namespace)
        if spec is None:
            raise not_found(self.namespace, loaded.namespaces)
        plugin, placement = spec.instance.plugin, spec.instance.placement.type
        found = plugin.manifest.version
        if self.version and self.version.removeprefix("v") != found.removeprefix("v"):
            advice = (
                "code in the gateway's own process is loaded once: install that version and restart the gateway"
                if placement == "in_process"
                else "put that version in its place first"
            )
            raise FailedPrecondition(
                f"plugin {plugin.name!r} is there in version {found}, not {self.version}; {advice}. Namespace "
                f"{self.namespace!r} is served as before",
                reason=Reason.PLUGIN_VERSION,
            )


def not_found(namespace: str, known: Collection[str]) -> NamespaceNotFound:
    """The refusal of a name that is not configured."""
    near = nearest(namespace, known)
    hint = f"did you mean {near!r}?" if near else "`prism plugin status` shows those that are"
    return NamespaceNotFound(f"no namespace {namespace!r} is configured; {hint}")
