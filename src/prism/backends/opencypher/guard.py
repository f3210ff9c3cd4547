"""What a statement of a caller's may not do: call procedures, load files, run commands, change the schema, or go to
another graph.

Neo4j's community edition has no roles, and no setting shuts the procedures that come with it: `dbms.killConnection`
may be called in a transaction that only reads (seen). So the text and the server's plan of it are looked at. Neither
would do: a plan leaves out what is within an expression (seen: `CASE WHEN true THEN COUNT { CALL .. } END`), and a text
says little of what it is. LOAD CSV is shut by the server's settings, which is asked at the start.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from neo4j.exceptions import Neo4jError

from prism.backends.opencypher.link import Link
from prism.context import Context
from prism.errors import DeadlineExceeded, FailedPrecondition, InvalidArgument, Violation

# Within texts and comments too: what one takes for a text, another may not. `CALL {` and `CALL (x) {` are subqueries.
_CALL: Final = re.compile(r"(?<![A-Za-z_])call(?!\w)(?!\s*[{(])", re.IGNORECASE)
# USE begins a statement or a part of one, so nothing that it must be kept apart from stands before it.
_USE: Final = re.compile(r"(?<![A-Za-z_.:$`])use(?=[\s/`(\u180e])", re.IGNORECASE)
_ESCAPE: Final = re.compile(r"\\u", re.IGNORECASE)
_REFUSED: Final = ("ProcedureCall", "LoadCSV", "Show", "Terminate", "Administration")
_SCHEMA: Final = "s"
_KEPT: Final = 1024
"""Texts that were looked at and are remembered."""

_FUNCTIONS: Final = "SHOW USER DEFINED FUNCTIONS YIELD name RETURN name LIMIT 1"
_SOURCES: Final = (
    "file:///prism",
    "http://127.0.0.1:1/",
    "http://[::1]:1/",
    "http://169.254.169.254/",
    "http://192.0.2.1/",
)
"""Where LOAD CSV must not come to: the server's files, itself, a cloud's metadata, and any other place."""
_SHUT: Final = ("is false", "is blocked", "not allowed")
_NOT_SHUT: Final = (
    "`query` of backend opencypher needs a server whose LOAD CSV is shut: set "
    "dbms.security.allow_csv_import_from_file_urls=false and internal.dbms.cypher_ip_blocklist=0.0.0.0/0,::/0 in "
    "neo4j.conf, or take LOAD from the role of query_username"
)


class Guard:
    """Looks at statements before they are run."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._passed: dict[bytes, None] = {}

    async def probe(self, context: Context) -> None:
        """Passes where the server lets no statement reach beyond its graph.

        Raises:
            FailedPrecondition: it does.
        """
        for source in _SOURCES:
            if not await self._is_shut(context, source):
                raise FailedPrecondition(f"{_NOT_SHUT} ({source} was let through)")
        for (name,) in await self._link.rows(context, _FUNCTIONS):
            raise FailedPrecondition(
                f"`query` of backend opencypher needs a server without functions of others, and it has {name}: take "
                "the plugin away, or its functions from dbms.security.procedures.allowlist"
            )

    async def _is_shut(self, context: Context, source: str) -> bool:
        try:
            await self._link.rows(context, f"LOAD CSV FROM '{source}' AS line RETURN line LIMIT 1")
        except DeadlineExceeded:
            return False  # it waits for an answer from there
        except Exception as error:
            cause = error.__cause__
            if not isinstance(cause, Neo4jError):
                raise
            return (cause.code or "").endswith(".Forbidden") or any(each in (cause.message or "") for each in _SHUT)
        return False

    async def look(self, text: str, params: Mapping[str, Any], context: Context) -> None:
        """Passes a statement that may be run.

        Raises:
            InvalidArgument: it does what none may, or the server does not understand it.
        """
        digest = hashlib.sha256(text.encode()).digest()
        if digest in self._passed:
            return
        if _ESCAPE.search(text):
            raise _refusal("an escape \\u", "write the character itself, or give the text as a parameter")
        if _CALL.search(text):
            raise _refusal(
                "CALL of a procedure",
                "only subqueries, CALL { .. }, may be called; where CALL is in a text, give that as a parameter",
            )
        if _USE.search(text):
            raise _refusal(
                "USE of another graph",
                "a statement is about its own graph; where USE is in a text, give that as a parameter",
            )
        async with self._link.reading(context, f"EXPLAIN {text}", params, of_caller=True) as records:
            summary = await records.summary()
        if summary.query_type == _SCHEMA or summary.plan is None:
            raise _refusal("a command", "only statements about nodes and edges may be run")
        for operator in _operators(summary.plan):
            if operator.startswith(_REFUSED):
                raise _refusal(operator.partition("@")[0], "only statements about nodes and edges may be run")
        if len(self._passed) >= _KEPT:
            del self._passed[next(iter(self._passed))]
        self._passed[digest] = None


def _operators(plan: Mapping[str, Any]) -> Iterator[str]:
    yield str(plan["operatorType"])
    for each in plan.get("children", ()):
        yield from _operators(each)


def _refusal(found: str, limit: str) -> InvalidArgument:
    violation = Violation("text", found, limit)
    return InvalidArgument(str(violation), violations=[violation])
