"""The files that TLS to a store is made of."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from authority import Authority
from prism.errors import FailedPrecondition
from prism.sdk.tls import client_context


def test_what_is_there_is_taken(tmp_path: Path) -> None:
    """Servers and their names are verified, by our own authorities or by those that the machine knows."""
    authority = Authority(tmp_path)
    own = authority.issue("own")
    for files in ((authority.ca, own.cert, own.key), (authority.ca, None, None), (None, None, None)):
        context = client_context(*files)
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert (len(context.get_ca_certs()) == 1) is (files[0] is not None)


@pytest.mark.parametrize("field", ["ca", "certificate", "key"])
def test_what_is_no_good_is_named(tmp_path: Path, field: str) -> None:
    """A file that is not there, and one that holds something else: the field, the file and what to do."""
    authority = Authority(tmp_path)
    own = authority.issue("own")
    files = {"ca": authority.ca, "certificate": own.cert, "key": own.key, field: tmp_path / "letter"}
    with pytest.raises(FailedPrecondition, match=rf"^{field}: the file .*letter does not exist; correct"):
        client_context(**files)
    files[field].write_text("a letter to a friend")
    with pytest.raises(FailedPrecondition, match=rf"^(certificate and )?{field}( and key)?: .*letter.*PEM form"):
        client_context(**files)


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    """They are named together."""
    authority = Authority(tmp_path)
    with pytest.raises(FailedPrecondition, match=r"^certificate and key: cannot use .*mismatch"):
        client_context(None, authority.issue("one").cert, authority.issue("other").key)


def test_a_key_with_a_passphrase(tmp_path: Path) -> None:
    """Nothing waits for somebody to type it."""
    own = Authority(tmp_path).issue("own")
    key = serialization.load_pem_private_key(own.key.read_bytes(), None)
    form, locked = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    own.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, locked))
    with pytest.raises(FailedPrecondition, match="the private key is encrypted; give one without a passphrase"):
        client_context(None, own.cert, own.key)
