"""Generates `src/prism/_proto` from the .proto files, or with `--check` fails where the two differ.

protoc names Python modules after the .proto's path, which would claim the top-level packages `prism.data` and `grpc`;
the imports are rewritten so that everything generated lives in `prism._proto`.
"""

import argparse
import filecmp
import re
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

PROTO = Path(__file__).parent
TARGET = PROTO.parent / "src" / "prism" / "_proto"
WELL_KNOWN = Path(protoc.__file__).parent / "_proto"
OURS = re.compile(r"^(from|import) (prism|grpc)\.", re.MULTILINE)
DEFAULT_POOL = "_descriptor_pool.Default()"
PRIVATE_POOL = "_descriptor_pool.DescriptorPool()"


def generate(target: Path) -> None:
    every = (path.relative_to(PROTO) for path in PROTO.rglob("*.proto"))
    # Python has google.rpc from a package of its own; the files are here for other languages.
    sources = sorted(path.as_posix() for path in every if path.parts[0] != "google")
    arguments = [
        "protoc",
        f"-I{PROTO}",
        f"-I{WELL_KNOWN}",
        f"--python_out={target}",
        f"--pyi_out={target}",
        *sources,
    ]
    if protoc.main(arguments) != 0:
        sys.exit("protoc refused the .proto files; see above")
    for path in [*target.rglob("*_pb2.py"), *target.rglob("*_pb2.pyi")]:
        text = OURS.sub(_move, path.read_text())
        if path.is_relative_to(target / "grpc"):
            # grpcio-health-checking and grpcio-reflection declare the same names, and one pool takes a name but once.
            text = text.replace(DEFAULT_POOL, PRIVATE_POOL)
        path.write_text(text)
    (target / "prism").rename(target / "data_and_plugin")
    for package in (target / "data_and_plugin").iterdir():
        package.rename(target / package.name)
    (target / "data_and_plugin").rmdir()
    for folder in [target, *(path for path in target.rglob("*") if path.is_dir())]:
        (folder / "__init__.py").write_text("")


def _move(match: re.Match[str]) -> str:
    keyword, package = match.groups()
    return f"{keyword} prism._proto." if package == "prism" else f"{keyword} prism._proto.grpc."


def check() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        fresh = Path(temporary)
        generate(fresh)
        names = {
            path.relative_to(root)
            for root in (fresh, TARGET)
            for path in root.rglob("*.py*")
            if path.suffix in {".py", ".pyi"}
        }
        differing = [
            str(name)
            for name in sorted(names)
            if not ((fresh / name).is_file() and (TARGET / name).is_file())
            or not filecmp.cmp(fresh / name, TARGET / name, shallow=False)
        ]
    if differing:
        sys.exit(f"generated code is out of date: {', '.join(differing)}; run `make proto` and commit the result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    if parser.parse_args().check:
        check()
        return
    for stale in [*TARGET.rglob("*.py"), *TARGET.rglob("*.pyi")]:
        stale.unlink()
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        generate(Path(temporary))
        for path in Path(temporary).rglob("*.py*"):
            destination = TARGET / path.relative_to(temporary)
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.write_bytes(path.read_bytes())


if __name__ == "__main__":
    main()
