"""The order to replace the instances of a namespace although nothing in its configuration has changed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from prism.config.specification import BackendSpec, Loaded
from prism.config.yaml.problem import nearest
from prism.control.served import Served
from prism.control.supervision.supervised import Supervised
from prism.errors import FailedPrecondition, NamespaceNotFound
from prism.reason import Reason


@dataclass(frozen=True, slots=True)
class Replacement:
    """The order.

    Attributes:
        namespace: its name.
        abstraction: only the instance that serves this one; empty for every instance of the namespace.
        version: of the plugin that is to serve; empty for any.
    """

    namespace: str
    abstraction: str = ""
    version: str = ""

    def of(self, served: Mapping[str, Served]) -> Collection[Supervised]:
        """The instances that are to be replaced.

        Raises:
            NamespaceNotFound: the namespace is not configured.
            FailedPrecondition: it does not serve the abstraction.
        """
        found = served.get(self.namespace)
        if found is None:
            raise not_found(self.namespace, served)
        meant = self._meant([each.spec for each in found.backends])
        return [each.supervised for each in found.backends if each.spec in meant]

    def check(self, loaded: Loaded) -> None:
        """Passes where it can be tried.

        Raises:
            NamespaceNotFound: the configuration has no such namespace.
            FailedPrecondition: another version of the plugin is in place, or the namespace does not serve the
                abstraction.
        """
        spec = loaded.namespaces.get(self.namespace)
        if spec is None:
            raise not_found(self.namespace, loaded.namespaces)
        meant = self._meant(spec.backends)
        if self.version and len({each.instance.plugin.name for each in meant}) > 1:
            raise FailedPrecondition(
                f"namespace {self.namespace!r} is served by several plugins; name the abstraction whose plugin must be "
                f"in version {self.version}: {', '.join(spec.abstractions)}"
            )
        for each in meant:
            self._check_version(each)

    def _check_version(self, backend: BackendSpec) -> None:
        plugin, placement = backend.instance.plugin, backend.instance.placement.type
        found = plugin.manifest.version
        if self.version and self.version.removeprefix("v") != found.removeprefix("v"):
            advice = (
                "code in the gateway's own process is loaded once: install that version and restart the gateway"
                if placement == "in_process"
                else "put that version in its place first"
            )
            raise FailedPrecondition(
                f"plugin {plugin.name!r} is installed in version {found}, not {self.version}; {advice}. Namespace "
                f"{self.namespace!r} is served as before",
                reason=Reason.PLUGIN_VERSION,
            )

    def _meant(self, backends: Collection[BackendSpec]) -> list[BackendSpec]:
        meant = [each for each in backends if not self.abstraction or self.abstraction in each.abstractions]
        if not meant:
            served = ", ".join(name for each in backends for name in each.abstractions)
            raise FailedPrecondition(
                f"namespace {self.namespace!r} does not serve {self.abstraction!r}; it serves {served}"
            )
        return meant


def not_found(namespace: str, known: Collection[str]) -> NamespaceNotFound:
    """The refusal of a name that is not configured."""
    near = nearest(namespace, known)
    hint = f"did you mean {near!r}?" if near else "`prism plugin status` shows those that are"
    return NamespaceNotFound(f"no namespace {namespace!r} is configured; {hint}")
