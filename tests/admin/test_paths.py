"""The plain paths of the admin port, as curl sends them."""

import json
import shutil
import subprocess

from admin.port import JSON, AdminPort
from missing import missing


def test_get_takes_the_fields_in_the_query(port: AdminPort) -> None:
    """Text and numbers alike."""
    reply = port.ask("GET", "/admin/plugin/status?page_size=1&page_token=default")
    assert [each["namespace"] for each in reply.json["statuses"]] == ["kept"]
    described = port.ask("GET", "/admin/plugin/describe?plugin=sqlite").json
    assert described["plugin"]["name"] == "sqlite"


def test_post_takes_them_as_json(port: AdminPort) -> None:
    """The same answer as by the full gRPC path."""
    plain = port.ask("POST", "/admin/namespace/describe", {"namespace": "kept"}, JSON)
    full = port.ask("POST", "/prism.admin.v1.AdminService/DescribeNamespace", {"namespace": "kept"}, JSON)
    assert plain.json["namespace"] == full.json["namespace"] == {
        "name": "kept", "abstractions": ["keyvalue"], "plugin": "sqlite", "placement": "in_process",
        "state": "PLUGIN_STATE_READY",
    }  # fmt: skip


def test_mistakes_are_told(port: AdminPort) -> None:
    """The nearest path, the field at fault, the status that fits."""
    missing = port.ask("GET", "/admin/plugin/stauts")
    assert (missing.status, missing.json["message"].rpartition("; ")[2]) == (404, "did you mean /admin/plugin/status?")
    wrong = port.ask("GET", "/admin/plugin/status?page_size=many")
    assert wrong.status == 400
    assert "page_size" in wrong.json["message"]
    unknown = port.ask("GET", "/admin/plugin/status?namspace=kept")
    assert unknown.status == 400
    assert "did you mean namespace?" in unknown.json["message"]
    assert port.ask("GET", "/admin/plugin/status?namespace=other").status == 404
    assert port.ask("DELETE", "/admin/plugin/status").status == 405


def test_curl_needs_no_more_than_the_path(port: AdminPort) -> None:
    """As the documents write it."""
    curl = shutil.which("curl")
    if curl is None:
        missing("curl is not installed")
    address = port.gateway.admin.replace("127.0.0.1", "localhost")
    done = subprocess.run([curl, "-sf", f"{address}/admin/plugin/list"], capture_output=True, text=True, check=True)
    assert "memory" in [each["name"] for each in json.loads(done.stdout)["plugins"]]
