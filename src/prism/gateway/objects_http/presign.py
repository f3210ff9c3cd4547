"""Presigned addresses: one object and one method, for all who have the address, until it expires.

The signature is over the namespace, the key and what is granted; with it travels who signed, as far as the rules ask.
So the rules decide at each use, by any gateway that has the key, and nothing is kept of an address.
"""

import base64
import hashlib
import hmac
import json
import math
from collections.abc import Callable, Mapping, Sequence
from time import time
from typing import Any, Final
from urllib.parse import quote

from google.protobuf.message import DecodeError

from prism.errors import InvalidArgument, Unauthenticated, Violation
from prism.gateway.bounded_cache import BoundedCache
from prism.gateway.call import Call, Incoming, SignedIncoming
from prism.gateway.connect.incoming import header
from prism.gateway.hops.authorize import denied
from prism.gateway.objects_http.address import PREFIX, SIGNED, ObjectAddress
from prism.gateway.snapshot import Snapshot
from prism.interfaces import objectstore as messages
from prism.principal import ANONYMOUS, Principal, Scope
from prism.wire import HttpRequest

DEFAULT_LIFE: Final = 900
LONGEST_LIFE: Final = 7 * 86_400
_METHODS: Final[Mapping[int, str]] = {
    messages.Method.OBJECT_STORE_METHOD_GET: "GET",
    messages.Method.OBJECT_STORE_METHOD_PUT: "PUT",
}
_ADDRESSES: Final = frozenset({"key", SIGNED})
"""Parameters of an address that is signed; others name something else: a version, a part of an upload."""
_ALLOWED: Final = {"GET": ("GET", "HEAD"), "PUT": ("PUT",)}
_PURPOSE: Final = b"prism-signed-object-1\0"
_MOST_KEPT: Final = 1000
(_PUT,) = (each for each in messages.INTERFACE.operations if each.method == "put")


class Presigner:
    """Signs addresses, and knows those that it has signed.

    Args:
        keys: the first one signs, all are believed; at least one.
        snapshot: what is in force: which claims its rules ask for.
    """

    def __init__(self, keys: Sequence[bytes], snapshot: Callable[[], Snapshot]) -> None:
        self._keys = [hashlib.sha256(_PURPOSE + key).digest() for key in keys]
        self._snapshot = snapshot
        # One object for each signer, as decisions are remembered by it.
        self._signers: BoundedCache[str, Principal] = BoundedCache(_MOST_KEPT)

    async def sign(self, call: Call, payload: bytes) -> bytes | None:
        """Carries out `Presign` for a call that was admitted.

        None where the store's own address is asked for: that is its instance's to give or to refuse.

        Raises:
            InvalidArgument: the request is malformed.
            PermissionDenied: the store's own address is asked for, and would give what the caller has no right to.
        """
        try:
            asked = messages.PresignRequest.FromString(payload)
        except DecodeError as error:
            raise InvalidArgument("the request is not a PresignRequest; send one") from error
        if asked.direct:
            self._check_direct(call, asked.method)
            return None
        method = _METHODS.get(asked.method)
        if method is None:
            raise _wrong("method", "not set", "GET or PUT")
        if not 1 <= len(asked.key.encode()) <= 1024 or "\0" in asked.key:
            raise _wrong("key", f"{len(asked.key.encode())} bytes", "1 to 1024, without U+0000")
        if method == "GET" and (asked.max_size or asked.content_type):
            raise _wrong("max_size", "given with GET", "max_size and content_type are for PUT")
        life = asked.expires.ToMicroseconds() / 1e6 if asked.HasField("expires") else DEFAULT_LIFE
        if not 1 <= life <= LONGEST_LIFE:
            raise _wrong("expires", f"{life:g} s", f"1 to {LONGEST_LIFE} s")
        expires = math.ceil(time() + life)
        granted: dict[str, Any] = {"m": method, "x": expires}
        if asked.max_size:
            granted["s"] = asked.max_size
        if asked.content_type:
            granted["t"] = asked.content_type
        if call.principal is not ANONYMOUS:
            granted["by"] = _shown(call.principal, self._snapshot())
        text = _encoded(json.dumps(granted, separators=(",", ":"), sort_keys=True).encode())
        token = f"{text}.{_encoded(self._signature(self._keys[0], call.namespace, asked.key, text))}"
        answer = messages.PresignResponse(url=_url(call.namespace, asked.key, token))
        answer.expires_at.FromSeconds(expires)
        if asked.content_type:
            answer.headers["content-type"] = asked.content_type
        return answer.SerializeToString()

    def admit(
        self, request: HttpRequest, address: ObjectAddress, incoming: Incoming
    ) -> tuple[SignedIncoming, int | None]:
        """The request as one of the signer's, and the most bytes that it may put.

        Raises:
            Unauthenticated: the address is not signed by this gateway for this, or has expired.
        """
        granted = self._granted(address)
        if granted is None or time() >= granted["x"]:
            raise Unauthenticated("the signed address is not valid, or not any more; ask for a new one")
        content_type = granted.get("t", "")
        if (
            request.method not in _ALLOWED[granted["m"]]
            or not address.key
            or not _ADDRESSES.issuperset(address.query)
            or (content_type and header(request, "content-type") != content_type)
        ):
            raise Unauthenticated(
                f"the address is signed for {granted['m']} of its object"
                f"{f' as {content_type}' if content_type else ''}; send that, or ask for another one"
            )
        signer = self._signer(granted.get("by"))
        return SignedIncoming(incoming.metadata, incoming.deadline, incoming.peer, signer), granted.get("s")

    def _check_direct(self, call: Call, method: int) -> None:
        """Signing asks for the right to read, and no gateway looks at what the store's own address is used for."""
        access = self._snapshot().access
        if access is None or method != messages.Method.OBJECT_STORE_METHOD_PUT:
            return
        if access.allowed(call.principal, call.namespace).isdisjoint((_PUT.right, _PUT.own_right)):
            raise denied(call.principal, call.namespace, _PUT.operation_class)

    def _granted(self, address: ObjectAddress) -> dict[str, Any] | None:
        """What an address grants; None where its signature is none of ours."""
        text, _, signature = address.query[SIGNED].partition(".")
        given = signature.encode()
        for key in self._keys:
            good = _encoded(self._signature(key, address.namespace, address.key, text)).encode()
            if hmac.compare_digest(good, given):
                found: dict[str, Any] = json.loads(_decoded(text))
                return found
        return None

    def _signer(self, about: Mapping[str, Any] | None) -> Principal:
        if about is None:
            return ANONYMOUS
        text = json.dumps(about, sort_keys=True)
        known = self._signers.get(text)
        if known is None:
            known = _principal(about)
            self._signers.keep(text, known)
        return known

    def _signature(self, key: bytes, namespace: str, name: str, text: str) -> bytes:
        # The key is last: it alone may hold anything but U+0000, and every part before it has none.
        signed = f"{text}\0{namespace}\0{name}".encode()
        return hmac.digest(key, _PURPOSE + signed, "sha256")


def _shown(principal: Principal, snapshot: Snapshot) -> dict[str, Any]:
    """Who signed, as far as the rules ask: an address is given away, and its claims are not for those who get it."""
    rules = () if snapshot.access is None else snapshot.access.section.rules
    asked = {(kind, key) for rule in rules for kind, key, _ in rule.conditions()}
    about: dict[str, Any] = {"n": principal.name, "k": principal.method}
    if ("group", "") in asked:
        about["g"] = sorted(principal.groups)
    claims = {key: values for key, values in principal.claims.items() if ("claim", key) in asked or key == "jti"}
    fields = {key: values for key, values in principal.certificate.items() if ("certificate", key) in asked}
    about |= {name: found for name, found in (("c", claims), ("f", fields)) if found}
    if principal.scopes is not None:
        about["s"] = [[sorted(each.operations), list(each.namespaces)] for each in principal.scopes]
    return about


def _principal(about: Mapping[str, Any]) -> Principal:
    scopes = about.get("s")
    return Principal(
        about["n"],
        about["k"],
        frozenset(about.get("g", ())),
        {key: tuple(values) for key, values in about.get("c", {}).items()},
        {key: tuple(values) for key, values in about.get("f", {}).items()},
        None if scopes is None else tuple(Scope(frozenset(classes), tuple(names)) for classes, names in scopes),
    )


def _url(namespace: str, key: str, token: str) -> str:
    """The key in the path, unless something on the way would take that for another one."""
    parts = key.split("/")
    if "" in parts or "." in parts or ".." in parts:
        return f"{PREFIX}{quote(namespace)}?key={quote(key, safe='/')}&{SIGNED}={token}"
    return f"{PREFIX}{quote(namespace)}/{quote(key, safe='/')}?{SIGNED}={token}"


def _wrong(field: str, found: str, limit: str) -> InvalidArgument:
    violation = Violation(field, found, limit)
    return InvalidArgument(str(violation), violations=[violation])


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
