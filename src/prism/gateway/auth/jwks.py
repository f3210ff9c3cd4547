"""The public keys of one issuer: fetched, kept, fetched again; usable while the issuer is away, and found by their ids.

Source: RFC 7517; OpenID Connect Discovery 1.0 section 4.
"""

import asyncio
import json
import logging
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPException
from time import monotonic
from typing import Any
from urllib.error import HTTPError, URLError

from jwt import PyJWK, PyJWTError

from prism.config.sections.authentication import Oidc
from prism.gateway.limits.bucket import Bucket

MAX_BYTES = 1 << 20
MAX_KEYS = 100
ASKED_BURST, ASKED_PAUSE = 3, 10.0
"""Fetches that unknown key ids may cause: some at once, for a rotation, and then one in ten seconds."""
BACKOFF_FIRST, BACKOFF_MAX = 1.0, 10.0

log = logging.getLogger(__name__)


class JwksInvalid(Exception):
    """What was fetched is not a key set, or not this issuer's."""


class Jwks:
    """Keeps the keys of an issuer.

    Attributes:
        section: the issuer.
        on_withdrawn: called when a key that was there is no longer: what it has signed is not valid any more.
            While it runs no fetch can be asked for, as there has just been one.
        fetching: a fetch is under way.
        failing: the last one has failed.
    """

    def __init__(self, section: Oidc) -> None:
        self.section = section
        self.on_withdrawn: Callable[[], None] = lambda: None
        self.fetching = False
        self.failing = False
        self._keys: Mapping[str, dict[str, Any]] = {}
        self._bound: dict[tuple[str, str], PyJWK] = {}
        self._fetched_at: float | None = None
        self._asked = Bucket()
        self._wanted = asyncio.Event()
        self._attempt: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._telling = False

    def start(self) -> None:
        """Begins to fetch, in the background; nothing waits for it."""
        self._attempt = asyncio.get_running_loop().create_future()
        self.fetching = True
        self._task = asyncio.create_task(self._keep(), name=f"keys of {self.section.issuer}")

    async def stop(self) -> None:
        """Fetches no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._attempt is not None:
            self._attempt.cancel()

    @property
    def usable(self) -> bool:
        """Whether there are keys that are fresh enough."""
        oldest = self.section.refresh + self.section.outage_tolerance
        return self._fetched_at is not None and monotonic() - self._fetched_at <= oldest

    def find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """The key of that id for that signature; a token without an id is checked with the only key that fits."""
        if kid is None:
            fitting = [name for name, key in self._keys.items() if _fits(key, algorithm)]
            kid = fitting[0] if len(fitting) == 1 else None
        key = None if kid is None else self._keys.get(kid)
        if key is None or not _fits(key, algorithm):
            return None
        bound = self._bound.get((kid or "", algorithm))
        if bound is None:
            # Bound to one algorithm, so that a token's header cannot choose another for the same key.
            bound = self._bound[kid or "", algorithm] = PyJWK(key, algorithm=algorithm)
        return bound

    def ask(self) -> bool:
        """Wants the keys fetched now; whether they will be, for that is bounded."""
        attempt = self._attempt
        if attempt is None or self._task is None or self._task.done() or self._telling:
            return False
        if self._asked.take(monotonic(), ASKED_PAUSE, ASKED_BURST * ASKED_PAUSE):
            return False
        self._wanted.set()
        return True

    async def attempted(self) -> None:
        """Waits until the next fetch has succeeded or failed."""
        if self._attempt is not None:
            await asyncio.shield(self._attempt)

    async def _keep(self) -> None:
        pause = BACKOFF_FIRST
        while True:
            self._wanted.clear()
            self.fetching = True
            fetched = await self._fetch()
            self.fetching = False
            self.failing = not fetched
            attempt, self._attempt = self._attempt, asyncio.get_running_loop().create_future()
            if attempt is not None and not attempt.done():
                attempt.set_result(None)
            wait = self.section.refresh if fetched else pause
            pause = BACKOFF_FIRST if fetched else min(pause * 2, BACKOFF_MAX)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wanted.wait()

    async def _fetch(self) -> bool:
        issuer = self.section.issuer
        try:
            keys = await asyncio.to_thread(_fetched, self.section)
        except (OSError, HTTPException, ValueError, RecursionError, JwksInvalid) as error:
            state = (
                "the keys fetched before stay in use, and it is retried"
                if self.usable
                else "its tokens are refused until a retry succeeds"
            )
            # urllib wraps what the system says; its kinds of error with a number of HTTP say the number themselves.
            reason = error.reason if type(error) is URLError else error
            log.warning("cannot fetch the signing keys of issuer %s: %s; %s", issuer, reason, state)
            return False
        withdrawn = [kid for kid, key in self._keys.items() if keys.get(kid) != key]
        if self._fetched_at is None or withdrawn or keys.keys() != self._keys.keys():
            log.info("fetched the signing keys of issuer %s, with the key ids %s", issuer, ", ".join(keys))
        self._keys, self._fetched_at = keys, monotonic()
        if withdrawn:
            self._bound.clear()
            # Before the callers that wait for this fetch, and not in its task, which a listener must not end.
            asyncio.get_running_loop().call_soon(self._tell)
        return True

    def _tell(self) -> None:
        self._telling = True
        try:
            self.on_withdrawn()
        finally:
            self._telling = False


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    """Whether the key is one for that signature, by its type, and by what it says of itself."""
    if key.get("alg", algorithm) != algorithm:
        return False
    if algorithm.startswith("ES"):
        curve = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm]
        return key.get("kty") == "EC" and key.get("crv") == curve
    return key.get("kty") == ("OKP" if algorithm == "EdDSA" else "RSA")


def _fetched(section: Oidc) -> Mapping[str, dict[str, Any]]:
    """The keys by id; in a thread."""
    until = monotonic() + section.fetch_timeout
    trust = ssl.create_default_context(cafile=section.ca)  # each time: the file may have been replaced
    url = section.jwks_url
    if url is None:
        found = _document(f"{section.issuer.rstrip('/')}/.well-known/openid-configuration", trust, until)
        if found.get("issuer") != section.issuer:
            raise JwksInvalid(
                "the discovery document names another issuer than the configuration; check `issuer` there: "
                f"{str(found.get('issuer'))[:200]!r}"
            )
        url = str(found.get("jwks_uri"))
        if section.issuer.startswith("https:") and not url.startswith("https:"):
            raise JwksInvalid(
                "the issuer's discovery document names a jwks_uri without https; correct it at the issuer, or set "
                "jwks_url"
            )
        if not url.startswith(("https:", "http:")):
            raise JwksInvalid("the issuer's discovery document has no jwks_uri; set jwks_url")
    listed = _document(url, trust, until).get("keys")
    if not isinstance(listed, list):
        raise JwksInvalid("the issuer's document of signing keys has no list of keys; check jwks_url")
    keys = {str(key.get("kid", "")): key for key in listed[:MAX_KEYS] if isinstance(key, dict) and _signs(key)}
    if not keys:
        raise JwksInvalid("no key in it can verify signatures")
    return keys


def _signs(key: dict[str, Any]) -> bool:
    """A public key for signatures that can be read, and is long enough."""
    if key.get("kty") not in ("RSA", "EC", "OKP") or key.get("use", "sig") != "sig":
        return False
    try:
        if "verify" not in key.get("key_ops", ["verify"]):
            return False
        size = getattr(PyJWK(key).key, "key_size", 0)
    except (PyJWTError, ValueError, TypeError, AttributeError, LookupError):  # its fields may be anything
        return False
    return bool(key["kty"] != "RSA" or size >= 2048)


class _Direct(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: keys come from where the configuration says."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _document(url: str, trust: ssl.SSLContext, until: float) -> dict[str, Any]:
    opener = urllib.request.build_opener(_Direct(), urllib.request.HTTPSHandler(context=trust))
    remaining = until - monotonic()
    if remaining <= 0:
        raise TimeoutError("timed out")
    request = urllib.request.Request(url, headers={"accept": "application/json"})  # noqa: S310  # checked above
    content = bytearray()
    try:
        answered = opener.open(request, timeout=remaining)
    except HTTPError as error:
        error.close()  # it holds the connection
        raise
    with answered as response:
        while chunk := response.read1(1 << 16):
            content += chunk
            if len(content) > MAX_BYTES:
                raise JwksInvalid(f"{url} has more than {MAX_BYTES} bytes")
            if monotonic() > until:
                raise TimeoutError("timed out")
    document = json.loads(content)
    if not isinstance(document, dict):
        raise JwksInvalid(f"{url} is not a JSON object")
    return document
