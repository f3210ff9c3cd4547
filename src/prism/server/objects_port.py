"""Objects on the data port: plain HTTP, and addresses that are signed. Made with the first use, as many gateways have
none.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from prism.gateway.gateway import Gateway
from prism.gateway.grpc import grpc_methods
from prism.gateway.http import OBJECTS
from prism.gateway.response import ResponseHop
from prism.telemetry.metrics.metric_family import MetricFamily
from prism.wire import HttpHandler, HttpRequest, HttpResponse, Method, ServerCall

if TYPE_CHECKING:
    from prism.gateway.connect import Cors
    from prism.gateway.objects_http import ObjectsHttp, Signing

PRESIGN = "/prism.data.v1.ObjectStore/Presign"


class ObjectsPort:
    """What of the data port is about objects.

    Args:
        gateway: carries operations out.
        keys: what addresses are signed with; empty for one of this start.
        policy: which web pages may call, and what sets headers of answers, as it is now.
    """

    def __init__(
        self, gateway: Gateway, keys: Sequence[str], policy: Callable[[], "tuple[Cors, Sequence[ResponseHop]]"]
    ) -> None:
        self._gateway = gateway
        self._keys = keys
        self._policy = policy

    @cached_property
    def signing(self) -> "Signing":
        """The gateway, with addresses signed."""
        from prism.gateway.objects_http import Presigner, Signing

        keys = [key.encode() for key in self._keys] or [os.urandom(32)]
        self._presigner = Presigner(keys, lambda: self._gateway.snapshot)
        return Signing(self._gateway, self._presigner)

    @cached_property
    def _http(self) -> "ObjectsHttp":
        from prism.gateway.objects_http import ObjectsHttp

        cors, hops = self._policy()
        signing = self.signing
        return ObjectsHttp(
            signing, self.inline_types, self._presigner, cors=cors, origins=self.origins, response_hops=hops
        )

    def methods(self) -> Mapping[str, Method]:
        """What of gRPC is answered here, by path."""

        async def presign(call: ServerCall) -> bytes | None:
            return await self._presign.handle(call)

        return {PRESIGN: Method(PRESIGN, presign)}

    @cached_property
    def _presign(self) -> Method:
        return grpc_methods(self.signing, operations=[self._gateway.operations[PRESIGN]])[PRESIGN]

    def inline_types(self, namespace: str) -> Collection[str]:
        """What browsers may show of a namespace's objects."""
        found = self._gateway.snapshot.namespaces.get(namespace)
        return () if found is None or found.policy is None else found.policy.inline_types

    def origins(self, namespace: str) -> Sequence[str] | None:
        """Of the web pages that may call for a namespace's objects; None where the gateway's hold."""
        found = self._gateway.snapshot.namespaces.get(namespace)
        return None if found is None or found.policy is None else found.policy.cors_origins

    def raw_bodies(self, request: HttpRequest) -> bool:
        """`prism.wire`'s `RawBodies`: what is put."""
        return request.method == "PUT" and request.path.startswith(OBJECTS)

    def before(self, others: HttpHandler) -> HttpHandler:
        """An `HttpHandler` that leaves what is not about objects to another."""

        async def answer(request: HttpRequest) -> HttpResponse:
            if request.path.startswith(OBJECTS):
                return await self._http(request)
            return await others(request)

        return answer

    def configure(self) -> None:
        """The policy is another one from the next request on."""
        if "_http" in self.__dict__:
            self._http.configure(*self._policy())

    def metrics(self) -> Iterator[MetricFamily]:
        """For the metrics."""
        if "_http" in self.__dict__:
            yield from self._http.transfers.metrics()
