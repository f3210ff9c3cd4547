"""The order of the packages: each imports only those below it, as docs/architecture.md draws them."""

import ast
import functools
from collections.abc import Collection, Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

from prism.interfaces.catalogue import interfaces

SOURCE = Path(__file__).parent.parent / "src"

# From the top down. What stands in one line may not import each other, but for the modules of the ground.
GROUND = {
    "errors",
    "reason",
    "rpc_status",
    "context",
    "principal",
    "redactor",
    "tls_reload",
    "file_watch",
    "gc_tuning",
    "open_files",
    "opening",
    "event_loop",
}
LAYERS: tuple[set[str], ...] = (
    {"__main__"},
    {"cli"},
    {"server"},
    {"roles"},
    {"admin"},
    {"acceptance"},
    {"control"},
    {"gateway"},
    {"config"},
    {"host"},
    {"plugins"},
    {"backends"},
    {"sdk"},
    {"client"},
    {"telemetry"},
    {"services"},
    {"interfaces"},
    GROUND,
    {"wire"},
    {"_proto"},
)
HEIGHT = {package: -place for place, packages in enumerate(LAYERS) for package in packages}

# What an author is promised under `prism.sdk`, and the tests' stores that come with the backends.
UPWARD = {
    ("prism.sdk", "prism.host"),
    ("prism.sdk.__main__", "prism.host"),
    ("prism.sdk.testing", "prism.host.testing"),
}
# Imports that close a circle inside one package, each for a type only.
CIRCLES = {
    ("prism.backends.redis.listening.channel", "prism.backends.redis.listening.subscriber_session"),
    ("prism.wire.server.method", "prism.wire.server.call"),
}


def test_packages_import_downward_only() -> None:
    """An import of a package that stands higher is a mistake, whether it is for a type or not."""
    wrong = {pair for pair in imports() if _climbs(*pair) and pair not in UPWARD and not _test_store(*pair)}
    assert wrong == set(), "\n".join(
        f"{importer} imports {imported}, which stands above it" for importer, imported in wrong
    )


def test_backends_import_what_an_author_is_promised() -> None:
    """A backend of ours lives on what a backend of anybody else can import."""
    promised = {"sdk", "interfaces", "errors", "context"}
    foreign = {
        (importer, imported)
        for importer, imported in imports()
        if _package(importer) == "backends"
        and _package(imported) not in promised
        and not _test_store(importer, imported)
        if importer.split(".")[:3] != imported.split(".")[:3]
    }
    assert foreign == set()


def test_gateway_and_control_have_no_code_per_abstraction() -> None:
    """What they know of an operation is in its .proto. The one exception translates plain HTTP for objects."""
    abstractions = {f"prism.interfaces.{name}" for name in interfaces()}
    importers = {
        importer
        for importer, imported in imports()
        if _package(importer) in {"gateway", "control", "config", "server"} and imported in abstractions
    }
    assert {importer.rpartition(".")[0] for importer in importers} == {"prism.gateway.objects_http"}


def test_no_modules_import_in_a_circle() -> None:
    """Modules can be read one after the other; an import that closes a circle is listed, and is for a type only."""
    graph: dict[str, set[str]] = {}
    for importer, imported in imports() - CIRCLES:
        graph.setdefault(importer, set()).add(imported)
    TopologicalSorter(graph).prepare()
    assert CIRCLES & imports(types=False) == set()


def test_no_exception_outlives_its_import() -> None:
    """What is excepted here is still imported."""
    assert (UPWARD | CIRCLES) - imports() == set()


def _climbs(importer: str, imported: str) -> bool:
    above, below = HEIGHT[_package(imported)], HEIGHT[_package(importer)]
    same = _package(importer) == _package(imported) or {_package(importer), _package(imported)} <= GROUND
    return above >= below and not same


def _package(module: str) -> str:
    return module.split(".")[1]


def _test_store(importer: str, imported: str) -> bool:
    """Whether this is a backend's store for tests, which implements a protocol of the acceptance kit."""
    parts = importer.split(".")
    return parts[1] == "backends" and parts[3].startswith("testing") and _package(imported) == "acceptance"


@functools.cache
def imports(*, types: bool = True) -> frozenset[tuple[str, str]]:
    """Each module of ours with each that it imports; without those that are imported for types alone if asked."""
    trees = _trees()
    return frozenset(
        (importer, imported)
        for importer, tree in trees.items()
        for imported in _imported(tree, types=types, modules=trees.keys())
        if imported not in {importer, "prism"}
    )


@functools.cache
def _trees() -> Mapping[str, ast.Module]:
    """Every module of ours, read once."""
    return {_name(path): ast.parse(path.read_text()) for path in (SOURCE / "prism").rglob("*.py")}


def _imported(tree: ast.AST, *, types: bool, modules: Collection[str]) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not types:
            continue
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules and not node.level:
            for each in node.names:
                full = f"{node.module}.{each.name}"
                yield full if full in modules else node.module
        else:
            yield from _imported(node, types=types, modules=modules)


def _name(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
