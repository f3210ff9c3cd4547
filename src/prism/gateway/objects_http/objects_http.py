"""The `HttpHandler` of objects: which request comes to which operation."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace

from prism.errors import InvalidArgument, PrismError
from prism.gateway import call as gateway
from prism.gateway.bounded_cache import BoundedCache
from prism.gateway.connect.conversion import defect
from prism.gateway.connect.cors import Cors
from prism.gateway.connect.errors import HttpRefusal
from prism.gateway.connect.incoming import Incoming
from prism.gateway.connect.metadata import with_metadata
from prism.gateway.handler import OperationHandler
from prism.gateway.objects_http import listing, reading, writing
from prism.gateway.objects_http.address import PREFIX, ObjectAddress
from prism.gateway.objects_http.answers import Refused, refusal
from prism.gateway.objects_http.browsers import SAFE
from prism.gateway.objects_http.presign import Presigner
from prism.gateway.objects_http.request import OPERATIONS, ObjectRequest, incoming_of, is_signed
from prism.gateway.objects_http.transfers import Transfers
from prism.gateway.response import ResponseHop, respond
from prism.wire import Code, HttpRequest, HttpResponse, StatusError

METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")
_ALLOW = ", ".join(METHODS)
_MAX_POLICIES = 1000
_EXPOSED = (
    "accept-ranges",
    "content-disposition",
    "content-encoding",
    "content-range",
    "etag",
    "last-modified",
    "prism-version",
    "repr-digest",
)


class ObjectsHttp:
    """Answers what begins with `PREFIX`.

    Attributes:
        transfers: counts what passes.

    Args:
        handler: carries operations out.
        inline_types: what browsers may show of a namespace's objects.
        presigner: knows which addresses it has signed.
        cors: which web pages may call.
        origins: of the pages that may call for a namespace's objects instead; None where the namespace has none of
            its own.
        response_hops: set headers of answers.
    """

    def __init__(
        self,
        handler: OperationHandler,
        inline_types: Callable[[str], Collection[str]],
        presigner: Presigner,
        *,
        cors: Cors | None = None,
        origins: Callable[[str], Sequence[str] | None] = lambda _: None,
        response_hops: Sequence[ResponseHop] = (),
    ) -> None:
        self._handler = handler
        self._inline_types = inline_types
        self._presigner = presigner
        self._cors = cors or Cors()
        self._origins = origins
        self._response_hops = response_hops
        self._policies: BoundedCache[tuple[str, ...], Cors] = BoundedCache(_MAX_POLICIES)
        self.transfers = Transfers()

    def configure(self, cors: Cors, response_hops: Sequence[ResponseHop]) -> None:
        """Another policy, and other headers, from the next request on."""
        self._cors, self._response_hops = cors, response_hops
        self._policies.clear()

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers one request; every failure is an answer too."""
        cors = self._cors
        try:
            address = ObjectAddress.of(request.path, request.query)
            cors = self._cors_of(address.namespace)
            response = cors.preflight(request, _ALLOW) or await self._answer(request, address)
        except HttpRefusal as refused:
            response = refused.response()
        except (PrismError, StatusError) as error:
            response = refusal(error, head=request.method == "HEAD")
        except Exception:  # noqa: BLE001  # a caller gets an answer, whatever it is
            response = refusal(defect(OPERATIONS["put" if request.method == "PUT" else "get"]))
        if self._response_hops:
            metadata = respond(self._response_hops, Incoming(request.headers, None, request.peer))
            response = with_metadata(response, metadata, trailers=False)
        named = tuple(name for name, _ in response.headers if name.startswith("prism-meta-"))
        return cors.allow(request, response, (*_EXPOSED, *named))

    def _cors_of(self, namespace: str) -> Cors:
        """The policy of a namespace; one for all that have the same origins."""
        origins = self._origins(namespace)
        if origins is None:
            return self._cors
        key = tuple(origins)
        cors = self._policies.get(key)
        if cors is None:
            cors = replace(self._cors, origins=key)
            self._policies.keep(key, cors)
        return cors

    async def _answer(self, request: HttpRequest, address: ObjectAddress) -> HttpResponse:
        if request.method == "OPTIONS":
            return HttpResponse(204, [("allow", _ALLOW), *SAFE])
        if request.method not in METHODS:
            message = f"{request.method[:20]} is not allowed for objects; send one of {_ALLOW}"
            raise Refused(405, Code.UNIMPLEMENTED, message, [("allow", _ALLOW)])
        incoming: gateway.Incoming = incoming_of(request, address)
        max_size = None
        if is_signed(address):
            incoming, max_size = self._presigner.admit(request, address, incoming)
        inline_types = self._inline_types(address.namespace)
        asked = ObjectRequest(request, address, incoming, self._handler, self.transfers, inline_types, max_size)
        return await _meant(asked)(asked)


def _meant(asked: ObjectRequest) -> Callable[[ObjectRequest], Awaitable[HttpResponse]]:
    method, address = asked.http.method, asked.address
    if not address.key:
        if method in ("GET", "HEAD"):
            return listing.listing
        message = f"{method} needs a key: {PREFIX}NAMESPACE/KEY, or {PREFIX}NAMESPACE?key=KEY"
        raise Refused(405, Code.UNIMPLEMENTED, message, [("allow", "GET, HEAD, OPTIONS")])
    if "upload" in address.query or "part" in address.query:
        if method != "PUT":
            raise InvalidArgument("upload= and part= are for PUT; the rest of an upload is done by operations")
        return writing.put_part
    return {"GET": reading.get, "HEAD": reading.head, "PUT": writing.put, "DELETE": writing.delete}[method]
