"""What a web page could send to the admin port is refused, before anything is done."""

import contextlib
import http.client
import socket
from pathlib import Path

import pytest

import gateways
from admin.port import JSON, AdminPort
from prism.admin.guard import check
from prism.gateway.connect.errors import HttpRefusal
from prism.wire import HttpRequest, Metadata, Peer

STATUS = "/admin/plugin/status"


@pytest.mark.parametrize(
    "host",
    ["evil.example.com", "evil.example.com:8981", "localhost.evil.com", "127.0.0.1.nip.io", "10.0.0.1", "::1", ""],
)
def test_a_name_that_is_not_this_machine_s_is_misdirected(port: AdminPort, host: str) -> None:
    """DNS rebinding: the page's own name leads here, and its browser sends that name."""
    reply = port.ask("GET", STATUS, headers={"host": host})
    assert reply.status == 421
    assert "this machine only" in reply.json["message"]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:9", "127.9.9.9", "[::1]:8981", "prism.localhost"]
)
def test_this_machine_has_several_names(port: AdminPort, host: str) -> None:
    """And any port, for a tunnel has its own."""
    assert port.ask("GET", STATUS, headers={"host": host}).status == 200


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "http://localhost:3000", "http://127.0.0.1"])
def test_pages_of_other_origins_are_refused(port: AdminPort, origin: str) -> None:
    """Also of another server on this machine; and no page learns that it might ask."""
    for method in ("GET", "POST", "OPTIONS"):
        reply = port.ask(method, STATUS, {} if method == "POST" else None, {**JSON, "origin": origin})
        assert reply.status == 403
        assert not any(name.startswith("access-control-") for name in reply.headers)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_calls_another_site_is_refused(port: AdminPort, site: str) -> None:
    """Requests without an origin too, such as those of images and links."""
    assert port.ask("GET", STATUS, headers={"sec-fetch-site": site}).status == 403


def test_a_page_of_the_port_s_own_may_ask(port: AdminPort) -> None:
    """Its origin is the port itself."""
    own = {"origin": f"http://{port.gateway.admin}", "sec-fetch-site": "same-origin"}
    assert port.ask("GET", STATUS, headers=own).status == 200


@pytest.mark.parametrize(
    ("tls", "origin", "status"),
    [
        (True, None, None),
        (True, "https://gateway.example.com:8981", None),
        (True, "http://gateway.example.com:8981", 403),
        (True, "https://evil.example.com", 403),
        (False, None, 421),
    ],
)
def test_over_tls_the_certificate_says_whose_name_it_is(tls: bool, origin: str | None, status: int | None) -> None:
    """So that any may be asked for; another page's requests are refused all the same."""
    headers: list[tuple[str, str | bytes]] = [("host", "gateway.example.com:8981")]
    headers += [("origin", origin)] if origin else []
    scheme = "https" if tls else "http"
    request = HttpRequest(
        "GET", STATUS, "", Metadata.from_wire(tuple(headers)), b"", Peer("10.0.0.1:1", tls=tls), scheme
    )
    refused = None
    try:
        check(request)
    except HttpRefusal as refusal:
        refused = refusal.status
    assert refused == status


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_refused(port: AdminPort, kind: str) -> None:
    """A browser sends these types without asking first; the refusal says which one to send."""
    headers = {"content-type": kind} if kind else {}
    reply = port.ask("POST", "/prism.admin.v1.AdminService/GetPluginStatus", {}, headers)
    assert reply.status == 415
    assert b"application/json" in reply.body


def test_answers_are_not_for_other_pages(port: AdminPort) -> None:
    """No browser lets a page load one as a script or an image, nor keeps a copy."""
    reply = port.ask("GET", STATUS)
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"


def test_a_refusal_is_logged(port: AdminPort) -> None:
    """An operator should hear of pages that try."""
    port.ask("GET", "/admin/seen", headers={"host": "rebound.example.com"})
    assert "PERMISSION_DENIED" in port.gateway.wait_for_log("rebound.example.com")


def test_a_unix_socket_needs_no_name(tmp_path: Path) -> None:
    """No browser reaches one; but a page's origin is refused wherever it comes from."""
    config = {"namespaces": [], "admin": {"listen": f"unix:{tmp_path}/admin.sock"}}
    with gateways.running(config, tmp_path) as gateway:
        assert gateway.admin == config["admin"]["listen"]
        assert _asked(tmp_path / "admin.sock", host="whatever") == 200
        assert _asked(tmp_path / "admin.sock", host="whatever", origin="https://evil.example.com") == 403


def _asked(socket_path: Path, **headers: str) -> int:
    """The status that a request over a unix socket is answered with."""
    connection = http.client.HTTPConnection("localhost", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX)
    with contextlib.closing(connection):
        connection.sock.connect(str(socket_path))
        connection.request("GET", STATUS, headers=headers)
        return connection.getresponse().status
