"""How secrets are kept out of every log, error and listing, by a gateway and by a plugin's process alike."""

import json
import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

HIDDEN = "***"
SHORT = 6
"""A known secret with fewer characters is found as a whole word only: within longer words it would be chance."""

_URL_PASSWORD = re.compile(r"(?P<before>://[^\s/:@]{0,256}:)(?P<password>[^\s]{0,1024})@")
"""Bounded, for what it searches may be of a caller's making, who could let each `://` be searched from to the end."""
_NAMED_PASSWORD = re.compile(
    r"(?P<before>\b\w*(?:passw(?:or)?d|pwd|secret|token|api_?key)\s*=\s*)(?P<password>'[^']*'|\"[^\"]*\"|[^\s&;,'\"]+)",
    re.IGNORECASE,
)
_API_KEY = re.compile(r"\bprism_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
"""As `prism policy key` makes them: a caller may send one in the wrong place, and no log is to keep it."""


class Redactor:
    """Knows secrets, and takes them out of text."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._longest_first: Mapping[str, re.Pattern[str] | None] | None = None

    def knows_as_much_as(self, other: "Redactor") -> bool:
        """Whether both hide the same."""
        return self._known == other._known

    def learn(self, secret: str) -> None:
        """From now on, `secret` is hidden, as it is, in URLs, in JSON and in Python's quoting.

        One shorter than `SHORT` is hidden where no letter, digit or underscore adjoins it.
        """
        if secret.strip() and secret not in self._known:
            forms = (secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1], json.dumps(secret)[1:-1])
            self._known.update(forms)
            self._longest_first = None

    def learn_from(self, text: str) -> None:
        """Learns the passwords in a connection string."""
        for pattern in (_URL_PASSWORD, _NAMED_PASSWORD):
            for match in pattern.finditer(text):
                self.learn(match["password"])

    def scrub(self, text: str) -> str:
        """The text with every known secret, and every password in a URL, replaced."""
        if self._longest_first is None:
            longest_first = sorted(self._known, key=len, reverse=True)
            self._longest_first = {each: _as_word(each) if len(each) < SHORT else None for each in longest_first}
        for secret, word in self._longest_first.items():
            if secret in text:
                text = word.sub(HIDDEN, text) if word else text.replace(secret, HIDDEN)
        if "prism_" in text:
            text = _API_KEY.sub(HIDDEN, text)
        text = _URL_PASSWORD.sub(rf"\g<before>{HIDDEN}@", text)
        return _NAMED_PASSWORD.sub(rf"\g<before>{HIDDEN}", text)


def _as_word(secret: str) -> re.Pattern[str]:
    """Where it is not part of a longer word; an escape just before it, `%3Aabc` or `\\nabc`, does not count as one."""
    before = (
        r"(?:(?<!\w)|(?<=%[0-9A-Fa-f]{2})|(?<=\\[a-z])|(?<=\\x[0-9a-f]{2})|(?<=\\u[0-9a-f]{4}))"
        if re.match(r"\w", secret)
        else ""
    )
    after = r"(?!\w)" if re.search(r"\w\Z", secret) else ""
    return re.compile(before + re.escape(secret) + after)
