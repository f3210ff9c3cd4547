"""Providers of secrets, and the redactor that keeps them out of text."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from prism.config.secrets import MAX_SECRET_BYTES, EnvironmentSecrets, FileSecrets, SecretUnreadable
from prism.redactor import Redactor


def test_environment_names_are_upper_case_with_underscores() -> None:
    """`pg-main.password` is PRISM_SECRET_PG_MAIN_PASSWORD."""
    secrets = EnvironmentSecrets({"PRISM_SECRET_PG_MAIN_PASSWORD": "pw", "OTHER": "x"})
    assert secrets.get("pg-main.password") == "pw"
    assert secrets.get("other") is None
    assert list(secrets.names()) == ["pg_main_password"]


def test_one_trailing_newline_is_not_part_of_a_file(tmp_path: Path) -> None:
    """Editors add one; a second is the secret's own."""
    (tmp_path / "a").write_bytes(b"pw\n")
    (tmp_path / "b").write_bytes(b"pw\r\n")
    (tmp_path / "c").write_bytes(b"pw\n\n")
    (tmp_path / "d").write_bytes(b" pw ")
    secrets = FileSecrets(tmp_path)
    assert [secrets.get(each) for each in "abcd"] == ["pw", "pw", "pw\n", " pw "]


def test_a_byte_order_mark_is_not_part_of_a_file(tmp_path: Path) -> None:
    """Editors of some systems put it before the text, where nobody sees it; only the first one."""
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfpw\r\n")
    (tmp_path / "b").write_bytes(b"\xef\xbb\xbf\xef\xbb\xbfpw")
    secrets = FileSecrets(tmp_path)
    assert [secrets.get(each) for each in "ab"] == ["pw", "\ufeffpw"]


def test_mounts_of_kubernetes_are_followed(tmp_path: Path) -> None:
    """Each name is a link through `..data`; the machinery itself is not listed."""
    (tmp_path / "..2020").mkdir()
    (tmp_path / "..2020" / "token").write_text("t1\n")
    (tmp_path / "..data").symlink_to("..2020")
    (tmp_path / "token").symlink_to("..data/token")
    secrets = FileSecrets(tmp_path)
    assert secrets.get("token") == "t1"
    assert list(secrets.names()) == ["token"]


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "..", ".", ".hidden", "missing", "sub/x"])
def test_names_do_not_leave_the_directory(tmp_path: Path, name: str) -> None:
    """A name is a file in the directory, or nothing."""
    (tmp_path / "outside").write_text("x")
    inside = tmp_path / "inside"
    inside.mkdir()
    assert FileSecrets(inside).get(name) is None


def test_what_cannot_be_a_secret_says_why(tmp_path: Path) -> None:
    """A folder, bytes that are no text, a file too large."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * (MAX_SECRET_BYTES + 1))
    for name, why in (("folder", "directory"), ("bytes", "UTF-8"), ("large", "larger")):
        with pytest.raises(SecretUnreadable, match=why):
            FileSecrets(tmp_path).get(name)


@pytest.mark.parametrize("secret", ["hunter2", "p@ss/w:rd?&#", 'it\'s "so"\\', "schlüssel", "ab\ncd\nef"])
def test_a_known_secret_is_found_however_it_is_written(secret: str) -> None:
    """As it is, inside a longer string, percent-encoded, in Python's quotes."""
    redactor = Redactor()
    redactor.learn(secret)
    for text in (secret, f"x{secret}y", f"user:{quote(secret, safe='')}@h", repr(secret)):
        scrubbed = redactor.scrub(text)
        assert "***" in scrubbed
        assert secret not in scrubbed
        assert quote(secret, safe="") not in scrubbed


@pytest.mark.parametrize("secret", ["prism", "pw", "$a", "é1"])
def test_a_short_secret_is_found_as_a_word(secret: str) -> None:
    """In quotes, URLs, JSON and escapes; not where the same letters are part of another word."""
    redactor = Redactor()
    redactor.learn(secret)
    written = quote(secret, safe="")
    shown = [secret, f"with {secret}.", f"'{secret}'", f"x://u:{secret}@h", f"?p={secret}&q", f"x%3A{written}%40h"]
    for text in (*shown, repr(f"\n{secret}"), json.dumps({"é": f"é\t{secret}"}), repr(f"\x00{secret}")):
        scrubbed = redactor.scrub(text)
        assert "***" in scrubbed
        assert secret not in scrubbed
        assert written not in scrubbed


@pytest.mark.parametrize(
    ("secret", "text"), [("prism", "prisms of src/prisma, _prism"), ("a", "a1 bag"), ("pw", "pwd")]
)
def test_a_short_secret_leaves_other_words(secret: str, text: str) -> None:
    """A log in which every `a` is `***` tells nothing but the secret."""
    redactor = Redactor()
    redactor.learn(secret)
    assert redactor.scrub(text) == text


def test_the_longer_of_two_secrets_is_hidden_whole() -> None:
    """No tail of it is left over."""
    redactor = Redactor()
    redactor.learn("abc")
    redactor.learn("abcdef")
    assert redactor.scrub("-abcdef-abc-") == "-***-***-"


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("postgres://u:pw@h/db", "postgres://u:***@h/db"),
        ("postgres://u:p@w/x@h/db", "postgres://u:***@h/db"),
        ("redis://:pw@h:6379", "redis://:***@h:6379"),
        ("host=h password=pw user=u", "host=h password=*** user=u"),
        ("https://h/?sslpassword=pw&x=1", "https://h/?sslpassword=***&x=1"),
        ("api_key='a b' x", "api_key=*** x"),
        ("http://h:80/a@b", "http://h:80/a@b"),
    ],
)
def test_passwords_in_connection_strings_are_hidden(text: str, scrubbed: str) -> None:
    """Whether anybody declared them or not."""
    result = Redactor().scrub(text)
    assert result == scrubbed or ("80/a" in text and "pw" not in result)


def test_no_text_takes_long_to_search() -> None:
    """Not what a caller may have made: a search that began anew at each letter would outlast the test."""
    assert Redactor().scrub("a" * 2_000_000) == "a" * 2_000_000


def test_the_password_of_a_connection_string_is_known_by_itself() -> None:
    """A driver may quote it alone."""
    redactor = Redactor()
    redactor.learn_from("postgres://u:hunter2@h/db")
    assert redactor.scrub("password hunter2 refused") == "password *** refused"


def test_nothing_is_not_a_secret() -> None:
    """An empty secret would be found everywhere."""
    redactor = Redactor()
    redactor.learn("")
    redactor.learn(" ")
    assert redactor.scrub("a b") == "a b"
