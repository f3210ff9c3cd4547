"""Runs `prism` in forks of one process that has imported it: a process for each command, without Python's start.

Each request on standard input, a socket, is one packet: what to run, and the descriptors of the command's standard
streams and of a pipe for its exit code.
"""

import atexit
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic  # noqa: F401  # what takes long to import, and commands need
import pytest  # noqa: F401
import pytest_asyncio  # noqa: F401
import yaml  # noqa: F401

import prism.cli.acceptance
import prism.cli.kv
import prism.cli.namespace
import prism.cli.plugin
import prism.cli.policy
import prism.cli.pubsub
import prism.cli.queue.consume
import prism.cli.queue.lists
import prism.cli.queue.manage
import prism.cli.queue.publish
import prism.client
import prism.config.loading
import prism.gateway.gateway
import prism.plugins.discovery
import prism.wire  # noqa: F401
from prism.cli.main import main

LARGEST_REQUEST = 128 << 10


def serve(requests: socket.socket) -> None:
    """Runs each request, until the other end is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # commands tell of their end themselves
    while True:
        request, streams, _, _ = socket.recv_fds(requests, LARGEST_REQUEST, 4)
        if not request:
            return
        if os.fork() == 0:
            requests.close()
            _run(json.loads(request), streams)
        for each in streams:
            os.close(each)


def _run(request: Mapping[str, Any], streams: Sequence[int]) -> None:
    """Becomes the command; does not return."""
    code = 1
    try:
        _prepare(request, streams)
        main(request["arguments"])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001  # as Python does at its top
        traceback.print_exc()
    for each in threading.enumerate():
        if each is not threading.current_thread() and not each.daemon:
            each.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os.write(streams[3], bytes([code]))
    os._exit(code)


def _prepare(request: Mapping[str, Any], streams: Sequence[int]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, each in enumerate(streams[:3]):
        os.dup2(each, number)
        os.close(each)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # a descriptor, for as long as the process lives
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    search = request["environment"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [request["folder"], *filter(None, search)]
    sys.argv = ["prism", *request["arguments"]]


if __name__ == "__main__":
    with socket.socket(fileno=os.dup(0)) as requests:
        serve(requests)
