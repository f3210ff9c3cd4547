"""Large objects through the gateway to an S3 server, beside Envoy in front of the same server, and its client alone."""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import gateways
from bench.objects import CHUNK, ENVOY, Store, by_curl, by_grpc, compete, envoy_program, report
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import ServerProcess
from prism.backends.s3.client import S3Client, chunks
from prism.backends.s3.config import S3Config, S3Credentials
from prism.backends.s3.testing import Versitygw, make_bucket
from prism.backends.s3.transfers.body import Body
from prism.client import Client

BUCKET = "bench"
PART = 8 << 20
_DISK = Path(".cache").absolute()
"""On the disk of the project; the folder for temporary files may be memory."""
NOTE = (
    "One object at a time, all on one versitygw. Prism by gRPC in chunks of 256 KiB from a client of its own "
    "process, and over plain HTTP by curl; Envoy by curl with a signature of its own, in one piece. Client alone: "
    "the backend's own driver, parts of 8 MiB one after another, in the process that measures. Prism computes SHA-256 "
    "and CRC-32C of the whole and a CRC-32 of each part, Envoy nothing. Processor time is that of gateway and plugin "
    "together, of Envoy alone, of the measuring process. Memory is the most that was resident during a transfer beyond "
    "what was before it. Medians of interleaved rounds."
)


def run() -> None:
    """Runs the competitions: sizes in megabytes from the environment, else 100 and 1,024."""
    asyncio.run(_run([int(each) for each in os.environ.get("PRISM_BENCH_OBJECTS_MB", "100 1024").split()]))


async def _run(sizes: Sequence[int]) -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=_DISK)))
        server = Versitygw(within=folder)
        server.start()
        stack.callback(server.stop)
        await make_bucket(server.url, server.credentials(), BUCKET, versions=False)
        stores = await _stores(server, folder, stack)
        for megabytes in sizes:
            results = await compete(stores, megabytes << 20)
            for way in ("up", "down"):
                found = {name: each for (name, of), each in results.items() if of == way}
                report(way, megabytes, found, where="S3", front="S3", note=NOTE)


async def _stores(server: Versitygw, folder: Path, stack: AsyncExitStack) -> list[Store]:
    stores = []
    for placement in ("in_process", "sidecar"):
        entry: dict[str, Any] = gateways.namespace("default", "s3", "objectstore", endpoint=server.url, bucket=BUCKET)
        entry |= {"credentials": server.credentials(), "plugin": {"type": placement}}
        gateway = await stack.enter_async_context(gateways.serving({"namespaces": [entry]}, folder / placement))
        await asyncio.to_thread(gateway.wait_until_served, "default")
        client = await stack.enter_async_context(Client(gateway.data))
        stores.append(by_grpc(f"prism {placement}", client, gateway, []))
        if placement == "in_process":
            url = f"http://{gateway.data}/objects/default"
            stores.append(by_curl("prism in_process, plain HTTP", url, folder, lambda pid=gateway.pid: [pid]))
    stores.append(await _direct(server, stack))
    envoy = envoy_program()
    if envoy is not None:
        (folder / "envoy").mkdir()
        front, port = ServerProcess("envoy", folder / "envoy"), HeldPort()
        config = ENVOY.format(port=port, upstream=server.port)
        front.launch(
            [envoy, "--config-yaml", config, "--use-dynamic-base-id", "--concurrency", "1"],
            "starting main dispatch loop",
        )
        stack.callback(front.end)
        signed = ("--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{server.account}:{server.secret}")
        unsigned = ("-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD")
        url = f"http://127.0.0.1:{port}/{BUCKET}"
        stores.append(by_curl("Envoy before S3", url, folder, lambda: [front.pid], *signed, *unsigned))
    return stores


async def _direct(server: Versitygw, stack: AsyncExitStack) -> Store:
    """The driver without a gateway."""
    client = S3Client(S3Config(bucket=BUCKET, endpoint=server.url), S3Credentials(**server.credentials()))
    await client.start()
    stack.push_async_callback(client.close)
    piece = os.urandom(CHUNK)

    async def up(size: int) -> None:
        upload = (await client.ask("create_multipart_upload", Key="direct"))["UploadId"]
        parts = []
        for number, begin in enumerate(range(0, size, PART), start=1):
            length = min(PART, size - begin)
            body = Body([piece] * (length // CHUNK), length)
            part = await client.ask("upload_part", Key="direct", UploadId=upload, PartNumber=number, body=body)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        await client.ask("complete_multipart_upload", Key="direct", UploadId=upload, MultipartUpload={"Parts": parts})

    async def down(size: int) -> None:
        came = 0
        async for each in chunks(await client.ask("get_object", Key="direct")):
            came += len(each)
        assert came == size

    return Store("client alone", up, down, lambda: [os.getpid()])
