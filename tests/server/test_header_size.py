"""The bound on headers, at a whole gateway: by gRPC, by HTTP/1.1 and at the admin port."""

import asyncio
import http.client
from pathlib import Path

import pytest

from gateways import namespace, serving
from prism.client import Client, PrismError
from prism.client.retry import RetryPolicy

SIZE = 64 << 10
SMALLER, LARGER = "x" * (SIZE - 2000), "x" * (SIZE + 1)


def post(address: str, path: str, token: str) -> int:
    """The status of one request over HTTP/1.1."""
    connection = http.client.HTTPConnection(address, timeout=20)
    try:
        headers = {"content-type": "application/json", "x-api-token": token}
        connection.request("POST", path, "{}", headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


async def test_headers_up_to_the_bound_and_no_further(tmp_path: Path) -> None:
    """`gateway.max_header_size` holds on both ports; what is over it gets 431 and HEADERS_TOO_LARGE."""
    config = {
        "gateway": {"listen": "127.0.0.1:0", "max_header_size": SIZE},
        "namespaces": [namespace("default", "memory")],
    }
    async with serving(config, tmp_path) as gateway:
        async with Client(gateway.data, headers={"x-api-token": SMALLER}) as client:
            await client.keyvalue("default").put("a", {b"k": b"v"})
        async with Client(gateway.data, headers={"x-api-token": LARGER}, retry=RetryPolicy(attempts=1)) as client:
            with pytest.raises(PrismError) as caught:
                await client.keyvalue("default").put("a", {b"k": b"v"})
        assert caught.value.reason == "HEADERS_TOO_LARGE"
        ports = (
            (gateway.data, "/prism.data.v1.KeyValue/ListRecords"),
            (gateway.admin, "/prism.admin.v1.AdminService/GetPluginStatus"),
        )
        for address, path in ports:
            statuses = [await asyncio.to_thread(post, address, path, token) for token in (SMALLER, LARGER)]
            assert statuses == [200, 431], address
