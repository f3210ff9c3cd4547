"""References in strings of the configuration: `{{ secret:NAME }}`, `${ENV}` and `${ENV:-default}`; `$${` means `${`,
`{{{{` means `{{`.

They are resolved once, from left to right; what they stand for is not searched again.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prism.config.secrets import SecretProvider, SecretUnreadable
from prism.config.yaml.document import Document
from prism.config.yaml.problem import Loc, Problem, nearest
from prism.redactor import Redactor

_REFERENCE = re.compile(
    r"(?P<escaped>\$\$\{|\{\{\{\{)"
    r"|\$\{(?P<variable>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^${}]*))?\}"
    r"|\{\{\s*secret:(?P<secret>[\w./@:#-]+)\s*\}\}"
    r"|(?P<malformed>\$\{|\{\{)"
)


class References:
    """Resolves the references of one document; learns the secrets, so that they can be hidden.

    Attributes:
        problems: what could not be resolved.
        redactor: knows every secret that was resolved.
        used: the providers that gave one.
    """

    def __init__(
        self,
        document: Document,
        environment: Mapping[str, str],
        providers: Sequence[SecretProvider],
        redactor: Redactor,
    ) -> None:
        self.problems: list[Problem] = []
        self.redactor = redactor
        self.used: set[SecretProvider] = set()
        self._document = document
        self._environment = environment
        self._providers = providers
        self._secrets: dict[str, str | None] = {}

    def resolve(self, value: Any, loc: Loc = ()) -> Any:
        """The value with every reference in it replaced; one that cannot be is a problem, and left out."""
        if isinstance(value, str):
            return self._text(value, loc) if "${" in value or "{{" in value else value
        if isinstance(value, dict):
            return {
                key: each if each.__class__ is str and "{" not in each else self.resolve(each, (*loc, key))
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [self.resolve(each, (*loc, index)) for index, each in enumerate(value)]
        return value

    def _text(self, text: str, loc: Loc) -> str:
        def replacement(match: re.Match[str]) -> str:
            if match["malformed"]:
                self._complain(
                    loc,
                    f"a {match['malformed']!r} that begins no reference",
                    allowed="${NAME}, ${NAME:-default}, {{ secret:NAME }}; $${ for ${, {{{{ for {{",
                )
                return ""
            if match["variable"]:
                return self._variable(match["variable"], match["default"], loc)
            if match["secret"]:
                return self._secret(match["secret"], loc)
            return match["escaped"][-2:]

        return _REFERENCE.sub(replacement, text)

    def _variable(self, name: str, default: str | None, loc: Loc) -> str:
        value = self._environment.get(name, "")
        if value or (default is None and name in self._environment):
            return value
        if default is None:
            self._complain(
                loc,
                f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}",
                close=nearest(name, self._environment),
            )
        return default or ""

    def _secret(self, name: str, loc: Loc) -> str:
        try:
            if name not in self._secrets:
                self._secrets[name] = self._asked_for(name)
        except SecretUnreadable as error:
            self._complain(loc, f"the secret {name!r} cannot be had: {error}")
            return ""
        secret = self._secrets[name]
        if not secret:
            places = " or ".join(filter(None, (provider.where(name) for provider in self._providers)))
            if secret is not None:
                self._complain(loc, f"the secret {name!r} is empty; put its value into {places}")
                return ""
            known = [each for provider in self._providers for each in provider.names()]
            message = f"secret {name!r} is not found; put it into {places}"
            self._complain(loc, message, close=nearest(name, known))
            return ""
        self.redactor.learn(secret)
        return secret

    def _asked_for(self, name: str) -> str | None:
        """The first that is not empty, as a variable is often set to nothing where it is not wanted; else ""."""
        empty: str | None = None
        for provider in self._providers:
            if secret := provider.get(name):
                self.used.add(provider)
                return secret
            if secret is not None:
                empty = secret
        return empty

    def _complain(self, loc: Loc, message: str, *, allowed: str = "", close: str = "") -> None:
        self.problems.append(self._document.problem(loc, message, allowed=allowed, nearest=close))
