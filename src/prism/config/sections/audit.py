"""The section `audit` of the configuration."""

import re
from typing import Annotated

from pydantic import AfterValidator, ByteSize, Field

from prism.config.sections.section import Section, refuse

STANDARD_OUTPUT = "stdout"

_LIKELY = re.compile(r"[\w.-]+(/[\w.-]+)*")


def _output(output: str) -> str:
    if output and output != STANDARD_OUTPUT and not output.startswith("/"):
        close = f"/var/log/prism/{output}" if _LIKELY.fullmatch(output) else ""
        raise refuse("no place for the audit trail", allowed="stdout, or the absolute path of a file", close=close)
    return output


Output = Annotated[str, AfterValidator(_output)]
Ratio = Annotated[float, Field(ge=0, le=1)]


class AuditSection(Section):
    """The audit trail; without `output` none is kept.

    Attributes:
        output: `stdout`, or the absolute path of a file; a JSON object a line.
        max_size: bytes after which the file is kept as `NAME.1` and the next one begins.
        keep: how many older files are kept.
        queue: most events that wait to be written; later ones are lost, and counted.
        calls: the share of the calls carried out that is recorded, 0 to 1. Denials, administrative actions and the
            lives of plugins are recorded all.
        namespaces: the same for single namespaces, by name.
    """

    output: Output = ""
    max_size: Annotated[ByteSize, Field(ge=1 << 10)] = ByteSize(100 << 20)
    keep: int = Field(default=10, ge=0, le=1000)
    queue: int = Field(default=10_000, ge=100, le=10_000_000)
    calls: Ratio = 0.0
    namespaces: dict[str, Ratio] = Field(default_factory=dict)
