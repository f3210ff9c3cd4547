"""Signatures of AWS, beside those that AWS has published and those of its own tools."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from prism.backends.gremlin.sigv4 import Account, signed_headers

ACCOUNT = Account("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)

PUBLISHED = {
    "get-vanilla": ("/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-unreserved": (
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    "get-utf8": ("/\u1234", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
}
"""Of the signature version 4 test suite, by the names that it has there."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_signatures(name: str) -> None:
    """The suite that AWS published with the algorithm: what opens a WebSocket is a GET without query."""
    path, signature = PUBLISHED[name]
    headers = signed_headers(f"https://example.amazonaws.com{path}", ACCOUNT, "us-east-1", "service", AT)
    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )


@pytest.mark.parametrize("token", ["", "AQoDYXdzEPT//////////wEXAMPLE"])
def test_as_the_tools_of_aws_sign(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore signs the opening of a connection to Neptune in the same way, with a temporary key too."""
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = "wss://db.cluster-x.eu-central-1.neptune.amazonaws.com:8182/gremlin"
    moment = datetime.now(UTC)
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_, **__: moment.replace(tzinfo=None))
    request = AWSRequest("GET", url.replace("wss:", "https:"), headers={"host": urlsplit(url).netloc})
    auth.SigV4Auth(Credentials(*ACCOUNT[:2], token or None), "neptune-db", "eu-central-1").add_auth(request)
    signed = signed_headers(url, ACCOUNT._replace(session_token=token), "eu-central-1", "neptune-db", moment)
    assert signed["Authorization"] == request.headers["Authorization"]
    assert signed.get("x-amz-security-token", "") == token
