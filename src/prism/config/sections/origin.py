"""The origin of a web page, as a browser sends it (RFC 6454)."""

import re
from typing import Annotated

from pydantic import AfterValidator

from prism.config.sections.section import refuse

_ORIGIN = re.compile(r"\*|https?://[^\s/?#@*]+")


def _origin(origin: str) -> str:
    if not _ORIGIN.fullmatch(origin):
        likely = (origin.rstrip("/"), f"https://{origin}" if "." in origin else "")
        close = next(filter(_ORIGIN.fullmatch, likely), "")
        raise refuse("not a web origin", allowed="scheme://host or scheme://host:port, or *", close=close)
    return origin


Origin = Annotated[str, AfterValidator(_origin)]
"""`https://app.example.com`, or `*` for any."""
