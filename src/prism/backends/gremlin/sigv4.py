"""AWS Signature Version 4 of the request that opens a WebSocket: a GET without query and body.

Source: AWS, "Signature Version 4 signing process"; the test suite that AWS published with it.
"""

import hashlib
import hmac
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_NO_BODY: Final = hashlib.sha256(b"").hexdigest()


class Account(NamedTuple):
    """A key of AWS.

    Attributes:
        access_key_id: its name.
        secret_access_key: what is signed with.
        session_token: of a temporary key; empty for none.
    """

    access_key_id: str
    secret_access_key: str
    session_token: str = ""


def signed_headers(url: str, account: Account, region: str, service: str, at: datetime) -> dict[str, str]:
    """The headers that the request carries.

    Args:
        url: that is opened; its path is signed as it is sent.
        account: that signs.
        region: of the service.
        service: its name.
        at: now, in UTC.
    """
    split = urlsplit(url)
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": split.netloc, "x-amz-date": stamp}
    if account.session_token:
        headers["x-amz-security-token"] = account.session_token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"GET\n{quote(split.path or '/', safe='/-_.~')}\n\n{lines}\n{names}\n{_NO_BODY}"
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{account.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"{account.access_key_id}/{scope}"
    headers["Authorization"] = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return headers
