"""What the documents show works: their code blocks run, in order, against a real gateway; their links lead somewhere.

A fence's info string says what becomes of it: `bash run` and `python run` are run (`needs=COMMAND`: where there is such
a command), `yaml config` is validated, `text output` is what the block before it prints. Everything else is shown only.
"""

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from docs.fences import Fence, fences
from gateways import GatewayProcess, namespace, running

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")))
FENCES = [fence for document in DOCUMENTS for fence in fences(document)]
RUN = {"bash run": ("bash", "-euo", "pipefail", "-c"), "python run": (sys.executable, "-W", "error", "-c")}
SHOWN = {
    "": "pictures and trees",
    "bash": "commands for a machine of the reader's: they install, serve or end something",
    "python": "parts of a program",
    "javascript": "for a browser",
    "proto": "parts of a contract",
    "toml": "parts of a manifest",
    "yaml": "parts of a configuration, and other programs' files",
    "json": "parts of a message",
    "sql": "statements for a store's own shell",
    "nginx": "run by tests, which read it through tests/proxies.py",
    "haproxy": "run by tests, which read it through tests/proxies.py",
    "haproxy tcp": "run by tests, which read it through tests/proxies.py",
    "yaml envoy": "run by tests, which read it through tests/proxies.py",
    "go": "parts of a program",
    "rust": "parts of a program",
    "xml": "parts of another tool's project",
    "text": "what something looks like",
    "text output": "compared where the block before it is run",
}
TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Reader:
    """Someone who follows a document, block by block, in a folder of their own beside a gateway of their own."""

    gateway: GatewayProcess
    folder: Path

    def follow(self, command: tuple[str, ...], body: str, search: Path | None = None) -> str:
        """Runs a block's body; what it printed. `search` comes before the folders of PATH."""
        gateway = self.gateway
        for port, address in ((8980, gateway.data), (8981, gateway.admin), (9090, gateway.metrics)):
            body = body.replace(f"localhost:{port}", address)
        folders = [str(search)] if search else []
        environment = os.environ | {
            "PATH": os.pathsep.join([*folders, str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PRISM_ENDPOINT": self.gateway.data,
            "PRISM_ADMIN_ENDPOINT": self.gateway.admin,
            "PRISM_CONFIG": str(self.gateway.config),
        }
        done = subprocess.run(
            [*command, body],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """The reader of one document."""
    folder = tmp_path_factory.mktemp(request.param.stem)
    file = str(folder / "prism-data" / "default.db")
    data = namespace("default", "sqlite", path=file, reader={"every_table": True})
    del data["abstraction"]  # as `make run` has it: all that SQLite serves
    if request.param.stem == "objects":
        data = namespace("default", "files", "objectstore", path=str(folder / "prism-data" / "objects"))
    config = {"namespaces": [data, namespace("events", "memory", "pubsub")]}
    with running(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield Reader(gateway, folder)


def of_kind(*kinds: str) -> list[Fence]:
    return [fence for fence in FENCES if fence.kind in kinds]


@pytest.mark.parametrize(
    ("reader", "fence"),
    [pytest.param(fence.document, fence, id=str(fence)) for fence in of_kind(*RUN)],
    indirect=["reader"],
    scope="module",
)
def test_block_runs(reader: Reader, fence: Fence, request: pytest.FixtureRequest) -> None:
    """A block does what its document says, after the blocks before it."""
    search = request.getfixturevalue(fence.needs).parent if fence.needs else None
    printed = reader.follow(RUN[fence.kind], fence.body, search)
    if fence.output is not None:
        options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        assert doctest.OutputChecker().check_output(fence.output, printed, options), printed


@pytest.mark.parametrize("fence", of_kind("yaml config"), ids=str)
def test_configuration_is_valid(fence: Fence, tmp_path: Path) -> None:
    """A configuration that a document shows passes validation, given its secrets."""
    file = tmp_path / "prism.yaml"
    file.write_text(fence.body)
    names = re.findall(r"secret:([\w-]+)", fence.body)
    secrets = {f"PRISM_SECRET_{name.upper().replace('-', '_')}": "a secret" for name in names}
    command = [sys.executable, "-m", "prism", "namespace", "validate", "--config", str(file)]
    done = subprocess.run(command, env=os.environ | secrets, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_block_is_of_a_known_kind() -> None:
    """No block is left unchecked by a slip in its info string."""
    known = {*RUN, *SHOWN, "yaml config"}
    assert [f"{fence}: {fence.kind!r}" for fence in FENCES if fence.kind not in known] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """A link to a file of the project, and to a heading in it, finds it."""
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            lost.append(target)
    assert lost == []


def anchors(document: Path) -> set[str]:
    """The headings of a document, as links name them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
