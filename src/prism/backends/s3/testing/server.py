"""A real S3 server for tests, on a folder and a port of its own, to be killed, paused and given other accounts."""

import http.client
import json
import os
import secrets
import ssl
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.polling import until
from prism.acceptance.store.server_process import ServerProcess
from prism.backends.s3.testing.program import program

ROOT: Final = "prism-root"
"""The account that may do everything, and makes buckets."""


class S3Server(ABC):
    """One server, which keeps its port and its data from start to start. Every call blocks until it is done.

    Attributes:
        NAME: of its program.
        HEALTH: the path that says that it is ready.
        process: the server's process.
        port: where it listens on loopback.
        account: the access key of the gateway's account.
        secret: of that account.
    """

    NAME: ClassVar[str]
    HEALTH: ClassVar[str]

    def __init__(self, *, certificate: Path | None = None, key: Path | None = None, within: Path | None = None) -> None:
        """
        Args:
            certificate: file of its certificate; by default it speaks HTTP.
            key: file of that certificate's key.
            within: the folder that holds its data; by default that for temporary files.
        """
        self._program = program(self.NAME)
        self._certificate = certificate
        self._key = key
        self.process = ServerProcess(self.NAME, within=within)
        self._port = HeldPort()
        self.port = self._port.number
        self.root_secret = secrets.token_hex(12)
        self.account = "prism"
        self.secret = secrets.token_hex(12)

    @property
    def url(self) -> str:
        """How clients reach it."""
        return f"{'http' if self._certificate is None else 'https'}://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """The folder of its buckets."""
        return self.process.folder / "data"

    def credentials(self) -> dict[str, str]:
        """What it lets in, as a configuration gives it."""
        return {"access_key_id": self.account, "secret_access_key": self.secret}

    def start(self) -> None:
        """Starts it and waits until it answers; does nothing while it runs."""
        if not self.process.running:
            self.data.mkdir(exist_ok=True)
            self._prepare()
            environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.process.folder), **self._environment()}
            self.process.launch(self._command(), environment=environment)
            until(self._ready, f"{self.NAME} is ready, which it says on a path of HTTP only")

    def stop(self) -> None:
        """Ends it for good; nothing is left."""
        self.process.remove()

    def kill(self) -> None:
        """Ends it as a crash does."""
        self.process.kill()

    def pause(self) -> None:
        """Freezes it: connections stay open and nothing answers."""
        self.process.pause()

    def resume(self) -> None:
        """Ends a pause."""
        self.process.resume()

    @abstractmethod
    def change_secret(self) -> None:
        """Gives the gateway's account another secret; the one before is refused from now on."""

    @abstractmethod
    def _command(self) -> list[str | Path]: ...

    def _environment(self) -> Mapping[str, str]:
        return {}

    @abstractmethod
    def _prepare(self) -> None:
        """Writes what has to be there before it starts."""

    def _ready(self) -> bool:
        if not self.process.running:
            raise RuntimeError(f"{self.NAME} has ended; it said:\n{self.process.log}")
        unverified = ssl._create_unverified_context()  # noqa: S323  # only asked whether it is up
        connection = (
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
            if self._certificate is None
            else http.client.HTTPSConnection("127.0.0.1", self.port, timeout=1, context=unverified)
        )
        try:
            connection.request("GET", self.HEALTH)
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()


class Versitygw(S3Server):
    """versitygw on a folder: it keeps every condition, and its accounts in a file."""

    NAME = "versitygw"
    HEALTH = "/health"

    def change_secret(self) -> None:
        self.secret = secrets.token_hex(12)
        self._prepare()

    def _command(self) -> list[str | Path]:
        folder = self.process.folder
        command: list[str | Path] = [self._program, "--access", ROOT, "--secret", self.root_secret]
        command += ["--port", f"127.0.0.1:{self.port}", "--iam-dir", folder / "accounts", "--iam-cache-disable"]
        command += ["--virtual-domain", f"localhost:{self.port}", "--quiet", "--keep-alive"]
        command += ["--health", self.HEALTH]
        if self._certificate is not None and self._key is not None:
            command += ["--cert", self._certificate, "--key", self._key]
        return [*command, "posix", "--versioning-dir", folder / "versions", self.data]

    def _prepare(self) -> None:
        folder = self.process.folder / "accounts"
        folder.mkdir(exist_ok=True)
        (self.process.folder / "versions").mkdir(exist_ok=True)
        account = {"access": self.account, "secret": self.secret, "role": "admin", "userID": 0, "groupID": 0}
        fresh = folder / "users.json.new"
        fresh.write_text(json.dumps({"accessAccounts": {self.account: account}}))
        fresh.replace(folder / "users.json")


class Minio(S3Server):
    """MinIO on a folder. Its makers maintain it no longer; it is here since many have it, and for what it ignores."""

    NAME = "minio"
    HEALTH = "/minio/health/ready"

    def __init__(self, *, certificate: Path | None = None, key: Path | None = None, within: Path | None = None) -> None:
        super().__init__(certificate=certificate, key=key, within=within)
        self._console = HeldPort()
        self.account, self.secret = ROOT, self.root_secret

    def change_secret(self) -> None:
        self.secret = self.root_secret = secrets.token_hex(12)
        if self.process.running:
            self.process.end()
            self.start()

    def _command(self) -> list[str | Path]:
        command: list[str | Path] = [self._program, "server", "--quiet", "--address", f"127.0.0.1:{self.port}"]
        command += ["--console-address", f"127.0.0.1:{self._console}", "--certs-dir", self.process.folder / "certs"]
        return [*command, self.data]

    def _environment(self) -> Mapping[str, str]:
        return {
            "MINIO_ROOT_USER": ROOT,
            "MINIO_ROOT_PASSWORD": self.root_secret,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "MINIO_DOMAIN": "localhost",
        }

    def _prepare(self) -> None:
        folder = self.process.folder / "certs"
        folder.mkdir(exist_ok=True)
        if self._certificate is not None and self._key is not None:
            (folder / "public.crt").write_bytes(self._certificate.read_bytes())
            (folder / "private.key").write_bytes(self._key.read_bytes())
