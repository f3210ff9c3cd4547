"""Stores and plugins are started beside grpcio's calls, whose handlers of fork() once crashed a child in three."""

import asyncio
import os
import subprocess

import grpc

CALLERS = 32
CHILDREN = 40


async def _echo(request: bytes, _: grpc.aio.ServicerContext) -> bytes:
    return request


class _Echo(grpc.GenericRpcHandler):
    def service(self, _: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(_echo)


async def test_children_forked_beside_calls_of_grpcio_come_up() -> None:
    """Forty children, each by a real fork() in the midst of calls from 32 callers, and each runs its program."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel, asyncio.TaskGroup() as group:
            call = channel.unary_unary("/test.Echo/Echo")

            async def load() -> None:
                while True:
                    await call(b"?", timeout=30)

            callers = [group.create_task(load()) for _ in range(CALLERS)]
            ends = [await asyncio.to_thread(_forked) for _ in range(CHILDREN)]
            for caller in callers:
                caller.cancel()
    finally:
        await server.stop(0)
    assert ends == [0] * CHILDREN


def _forked() -> int:
    """The exit code of a child that subprocess cannot start by vfork(), as none with a `preexec_fn` or a `user`."""
    return subprocess.run(["/bin/true"], preexec_fn=os.getpid, check=False).returncode
