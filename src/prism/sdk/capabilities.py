"""What a plugin declares, as its manifest has it: for each abstraction that it serves, that abstraction's own model.

In `[capabilities]` stands what holds for all abstractions served, whichever of them has such a capability; in
`[capabilities.pubsub]` what is PubSub's alone, or differs there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, get_args

from pydantic import ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from prism.interfaces.capabilities import Capabilities
from prism.interfaces.catalogue import interfaces

Reload = Literal["overlap", "handover"]

_Problem = tuple[tuple[str, ...], str]
"""Where in the section, and what is wrong there."""


class _Whole(Capabilities):
    """What the plugin declares for any abstraction, for its operations of its own."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True, slots=True)
class DeclaredCapabilities:
    """The capabilities of a plugin.

    Attributes:
        reload: two instances may serve the same store at once (`overlap`), or the old one must stop first (`handover`).
        by_interface: by the abstraction's name in configuration.
        whole: what is declared for any of them.
    """

    reload: Reload = "handover"
    by_interface: Mapping[str, Capabilities] = field(default_factory=dict)
    whole: Capabilities = field(default_factory=Capabilities)

    @classmethod
    def parse(cls, declared: Mapping[str, Any], served: Iterable[str] | None = None) -> Self:
        """What a manifest's section `capabilities` says.

        Args:
            declared: the section.
            served: the abstractions of the manifest; None for all that there are.

        Raises:
            ValidationError: something there is unknown, wrong, or of an abstraction that is not served.
        """
        known = interfaces()
        names = tuple(known if served is None else served)
        shared = {name: value for name, value in declared.items() if name not in known}
        problems = [*_misplaced(declared, names)]
        reload = shared.pop("reload", "handover")
        if reload not in get_args(Reload):
            problems.append((("reload",), "it should be 'overlap' or 'handover'"))
        models: dict[str, Capabilities] = {}
        for name in names:
            model = known[name].capabilities
            section = {key: value for key, value in _section(declared, name).items() if key != "reload"}
            fitting = {key: value for key, value in shared.items() if key in model.model_fields}
            try:
                models[name] = model.model_validate(fitting | section)
            except ValidationError as error:
                for each in error.errors(include_url=False):
                    key = str(each["loc"][0])
                    place = (name, key) if key in section else (key,)
                    problems.append((place, each["msg"].replace("Input should be", "it should be", 1)))
        if problems:
            raise _invalid(problems)
        anywhere = {key: value for model in models.values() for key, value in model if model.declares(key)}
        return cls(reload, models, _Whole.model_validate(shared | anywhere))

    def of(self, interface: str) -> Capabilities:
        """What is declared for an abstraction; nothing, for one that is not served."""
        return self.by_interface.get(interface) or interfaces()[interface].capabilities()

    def with_changes(self, changes: Mapping[str, Mapping[str, object]]) -> Self:
        """The same, but for some capabilities of some abstractions.

        Raises:
            ValidationError: a capability cannot be so.
        """
        changed = dict(self.by_interface)
        for name, given in changes.items():
            changed[name] = type(self.of(name)).model_validate({**self.of(name).model_dump(), **given})
        return replace(self, by_interface=changed)

    @property
    def durable(self) -> bool:
        """Some abstraction's writes outlive the process that serves them."""
        return any(each.durability != "none" for each in self.by_interface.values())

    @property
    def max_item_size(self) -> int:
        """Most bytes in a value of any abstraction."""
        return max((each.max_item_size for each in self.by_interface.values()), default=self.whole.max_item_size)

    @property
    def max_payload(self) -> int:
        """Most bytes in a request, or in an answer to a read, of any abstraction."""
        return max((each.max_payload for each in self.by_interface.values()), default=self.whole.max_payload)

    def dump(self) -> dict[str, Any]:
        """As plain data: `reload`, and every capability of each abstraction under its name."""
        return {"reload": self.reload} | {
            name: each.model_dump(mode="json") for name, each in self.by_interface.items()
        }


def _section(declared: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = declared.get(name, {})
    return section if isinstance(section, Mapping) else {}


def _misplaced(declared: Mapping[str, Any], served: tuple[str, ...]) -> Iterator[_Problem]:
    """Names that no abstraction served has, and tables that are in the wrong place."""
    known = interfaces()
    possible = {"reload", *(key for name in served for key in known[name].capabilities.model_fields)}
    for name, value in declared.items():
        if name in known:
            if not isinstance(value, Mapping):
                yield (name,), f"it should be a table: write [capabilities.{name}]"
            elif name not in served:
                yield (name,), f"the plugin does not serve {name}: add it to 'interfaces', or remove the table"
            elif "reload" in value:
                yield (name, "reload"), "it is of the whole plugin: move it to [capabilities]"
        elif name not in possible:
            owners = [each.name for each in known.values() if name in each.capabilities.model_fields]
            if not owners:
                yield (name,), f"there is no such capability; there are {', '.join(sorted(possible))}"
            elif value not in (False, "none"):  # to say that it is not there is true
                where = " and ".join(owners)
                yield (name,), f"it is a capability of {where}, which the plugin does not serve: remove it"


def _invalid(problems: Iterable[_Problem]) -> ValidationError:
    errors = [
        InitErrorDetails(type=PydanticCustomError("capability", "{problem}", {"problem": text}), loc=place, input=None)
        for place, text in problems
    ]
    return ValidationError.from_exception_data("capabilities", errors)
