"""The code blocks of a document, with what their info strings ask for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^ *```(?P<info>[^\n`]*)\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fence:
    """One code block.

    Attributes:
        document: where it stands.
        line: of its first fence.
        kind: its info string without what it needs: `bash run`.
        needs: a command that the block uses; empty for none.
        body: the code.
        output: what the document says that the block prints; `...` stands for anything. None where it does not say.
    """

    document: Path
    line: int
    kind: str
    needs: str
    body: str
    output: str | None = None

    def __str__(self) -> str:
        return f"{self.document.name}:{self.line}"


def fences(document: Path) -> Iterator[Fence]:
    """The blocks of a document in their order; the output of a block belongs to the block."""
    text = document.read_text()
    found = [*_FENCE.finditer(text)]
    for match, following in zip(found, [*found[1:], None], strict=False):
        words = match["info"].split()
        kind = " ".join(word for word in words if not word.startswith("needs="))
        needs = "".join(word.removeprefix("needs=") for word in words if word.startswith("needs="))
        output = following["body"] if following is not None and following["info"].strip() == "text output" else None
        line = text.count("\n", 0, match.start()) + 1
        yield Fence(document, line, kind, needs, match["body"], output)
