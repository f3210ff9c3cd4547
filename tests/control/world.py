"""A gateway's inside for the tests of control: real control, real gateway, toy plugins, a file that changes."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from plugins.toy_store.store import STORES, ToyStore
from prism.config.secrets import SecretProvider
from prism.control.control import Control
from prism.control.timing import Timing
from prism.gateway.chain import Policies, chain
from prism.gateway.chain_state import ChainState
from prism.gateway.gateway import Gateway
from prism.gateway.snapshot import Snapshot
from prism.interfaces.keyvalue import GetRequest, GetResponse, PutItem, PutRequest
from prism.plugins.discovery import Plugin, Plugins, discover
from prism.plugins.manifest import read
from prism.wire import Code, Deadline, Metadata, Peer

TOY = Path(__file__).parents[1] / "plugins" / "toy_store" / "plugin.toml"
QUICK = Timing(
    start_timeout=2.0, reload_timeout=2.0, retry_first=0.01, retry_max=0.05, watch_interval=0.2,
)  # fmt: skip
OFTEN = {"probe_interval": 0.02, "backoff_first": 0.01, "backoff_max": 0.05}
"""The configuration's `supervision`."""
SERVICE = "/prism.data.v1.KeyValue/"


def toy_plugins(**changes: Any) -> Plugins:
    """What is built in, and the toy; `changes` are made to a second toy's manifest, `toy2`."""
    manifest = read(TOY.read_bytes())
    second = manifest.model_copy(update={"name": "toy2", **changes})
    toys = {each.name: Plugin(each, "plugins.toy_store", "toy-dist") for each in (manifest, second)}
    return Plugins({**discover().found, **toys})


@dataclass(frozen=True)
class Arrived:
    """A request, as a way in would tell of it."""

    metadata: Metadata
    deadline: Deadline | None = None
    peer: Peer = field(default_factory=lambda: Peer("test"))


class NoRecorder:
    """Counts nothing."""

    def begin(self, operation: str) -> None: ...

    def end(self, namespace: str, operation: str, code: Code, seconds: float) -> None: ...


class World:
    """One gateway.

    Attributes:
        file: its configuration.
        gateway: the data path.
        snapshots: all that were published.
        control: who publishes them.
        chain_state: applies policies where it is given; they are not applied else.
    """

    def __init__(
        self,
        folder: Path,
        *,
        plugins: Plugins | None = None,
        timing: Timing = QUICK,
        supervision: Mapping[str, float] = OFTEN,
        watched: bool = False,
        secrets: Sequence[SecretProvider] = (),
        listen: Sequence[str] = (),
    ) -> None:
        self.file = folder / "prism.yaml"
        self._supervision = dict(supervision)
        self.gateway = Gateway(chain(Policies()), NoRecorder())
        self.snapshots: list[Snapshot] = []
        self.chain_state: ChainState | None = None
        self.environment: dict[str, str] = {}
        self.control = Control(
            self.file,
            self.publish,
            plugins=plugins or toy_plugins(),
            environment=self.environment,
            timing=timing,
            watched=watched,
            secrets=secrets,
            listen=listen,
        )

    def publish(self, snapshot: Snapshot) -> None:
        """Takes a snapshot, as the server would."""
        self.snapshots.append(snapshot)
        if self.chain_state is None:
            self.gateway.snapshot = snapshot
        else:
            self.gateway.publish(snapshot, self.chain_state.hops(snapshot), self.chain_state.recheck)

    def write(self, *namespaces: Mapping[str, Any], **sections: Any) -> None:
        """Replaces the file in one step."""
        sections = {"supervision": self._supervision, **sections}
        fresh = self.file.with_suffix(".new")
        fresh.write_text(
            yaml.safe_dump({**sections, "namespaces": [dict(each) for each in namespaces]}, sort_keys=False)
        )
        fresh.replace(self.file)

    async def put(self, namespace: str, value: bytes, record: str = "r") -> None:
        """Puts an item through the gateway."""
        request = PutRequest(id=record, items=[PutItem(key=b"k", value=value)])
        await self._call(namespace, "Put", request.SerializeToString())

    async def get(self, namespace: str, record: str = "r") -> bytes | None:
        """Gets it."""
        request = GetRequest(id=record, keys=[b"k"])
        answer = GetResponse.FromString(await self._call(namespace, "Get", request.SerializeToString()))
        return answer.items[0].value if answer.items else None

    async def _call(self, namespace: str, method: str, payload: bytes) -> bytes:
        operation = self.gateway.operations[SERVICE + method]
        arrived = Arrived(Metadata([("prism-namespace", namespace)]))
        return await self.gateway.unary(arrived, operation, payload)

    @property
    def names(self) -> Sequence[str]:
        """The namespaces of the snapshot in force."""
        return list(self.gateway.snapshot.namespaces)


def toy(name: str, store: str, backend: str = "toy", **more: Any) -> dict[str, Any]:
    """An entry for a namespace on a toy store."""
    credentials = {"credentials": more.pop("credentials")} if "credentials" in more else {}
    return {"name": name, "backend": backend, "config": {"store": store, **more}, **credentials}


def store(name: str) -> ToyStore:
    """A toy store."""
    return STORES[name]


async def until(condition: Any) -> None:
    """Waits until the condition holds; the test's own time limit ends a wait in vain."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # a refusal is a plain attribute: nothing tells of its change
            await asyncio.sleep(0.005)
