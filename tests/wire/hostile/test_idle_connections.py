"""Ten thousand connections that say hello and nothing more."""

import asyncio
import gc
import os
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from missing import missing
from prism.wire.http2 import frames
from prism.wire.http2.settings import encode_settings
from wire.hostile.conftest import Attacked

CONNECTIONS = 10_000
MAX_BYTES = 16 * 1024  # of the server's resident memory for each
FILES = CONNECTIONS + 1000

# A process of its own: the files of both ends would be more than most systems let one have.
PEERS = """
import resource, socket, struct, sys
host, port, count, files, hello = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_NOFILE, (int(files), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
peers = []
for _ in range(int(count)):
    peers.append(socket.create_connection((host, int(port))))
    # No port stays behind when it is closed.
    peers[-1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peers[-1].sendall(bytes.fromhex(hello))
    # In step with the server: more than its backlog at once would be dropped, and tried again seconds later.
    if len(peers) > 100:
        peers[-100].recv(1)
sys.stdin.read()
"""


@pytest.fixture
def many_files() -> Iterator[None]:
    """Room for all connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(FILES, soft), hard))
    except ValueError:
        missing(f"RLIMIT_NOFILE allows {hard} open files, and {FILES} are needed")
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# On the loop of production alone: it is about its memory.
@pytest.mark.asyncio(loop_factories=["uvloop"])
async def test_ten_thousand_idle_connections(
    many_files: None, attacked: Attacked, record_property: Callable[[str, object], None]
) -> None:
    """Each costs a few kilobytes, and the bystander does not notice them."""
    hello = frames.PREFACE + encode_settings({}) + frames.frame(frames.SETTINGS, frames.ACK, 0)
    async with attacked() as victim:
        host, _, port = victim.address.rpartition(":")
        await victim.bystander.calls(20)
        gc.collect()
        before = resident()
        peers = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PEERS, host, port, str(CONNECTIONS), str(FILES), hello.hex()),
            stdin=asyncio.subprocess.PIPE,
        )
        await victim.bystander.until(lambda: victim.server.connections > CONNECTIONS)
        await victim.bystander.calls(20)
        each = (resident() - before) / CONNECTIONS
        tasks = len(asyncio.all_tasks())
        record_property("bytes_per_idle_connection", round(each))
        print(f"{each:,.0f} bytes for each idle connection")
        assert peers.stdin is not None
        peers.stdin.close()
        assert await peers.wait() == 0
        await victim.alone()
    assert each < MAX_BYTES
    assert tasks < 20
