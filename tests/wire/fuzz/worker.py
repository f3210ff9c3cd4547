"""One target under atheris (libFuzzer), in a process of its own: `python -m wire.fuzz.worker TARGET FOLDER OPTIONS...`.

A finding does not end the run: it is written down once, with the input that shows it, and fuzzing goes on.
"""

import hashlib
import importlib
import pkgutil
import random
import re
import sys
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["prism.wire"]):
    import prism.wire

    # The server's half of it loads only when asked for, and what loads later is not measured.
    for each in pkgutil.iter_modules(prism.wire.__path__, "prism.wire."):
        importlib.import_module(each.name)

from wire.fuzz.mutator import FrameMutator
from wire.fuzz.stage import Stage
from wire.fuzz.targets import TARGETS


class Worker:
    """Plays inputs, and writes down what they find."""

    def __init__(self, target: str, findings: Path) -> None:
        self._name = target
        self._findings = findings
        self._make = TARGETS[target][0]
        self._begin()

    def _begin(self) -> None:
        stage = Stage()
        stage.rule_time()
        self._target = self._make(stage)

    def one(self, data: bytes) -> None:
        """Play one input."""
        random.seed(0)
        try:
            self._target(data)
        except Exception as error:  # noqa: BLE001 - whatever escapes is what we look for
            self._write_down(data, error)
            # What it left behind must not be held against the next.
            self._begin()

    def _write_down(self, data: bytes, error: Exception) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1]
        gist = f"{place.name} {type(error).__name__} {re.sub(r'[0-9]+|0x[0-9a-f]+', '', str(error))[:40]}"
        name = f"{self._name}-{hashlib.sha256(gist.encode()).hexdigest()[:10]}"
        known = self._findings / f"{name}.input"
        if known.exists() and known.stat().st_size <= len(data):
            return
        known.write_bytes(data)
        (self._findings / f"{name}.txt").write_text("".join(traceback.format_exception(error)))
        print(f"FINDING {name}: {gist}", file=sys.stderr, flush=True)


def main() -> None:
    """Run until libFuzzer ends the process."""
    target, findings, *options = sys.argv[1:]
    worker = Worker(target, Path(findings))
    arguments = [sys.argv[0], *options]
    if target.removeprefix("both-") in ("server", "client", "servers", "clients"):
        # Looked up when called: Setup puts another Mutate in its place.
        mutator = FrameMutator(target, lambda data, longest: atheris.Mutate(data, longest))
        atheris.Setup(arguments, worker.one, custom_mutator=mutator)
    else:
        atheris.Setup(arguments, worker.one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
