"""`gateway.response_headers`: legal names and values, none that the gateway sets itself, and not too many."""

import pytest

from config.file import File
from control.world import toy_plugins
from prism.config.loading import load
from prism.config.yaml.problem import ConfigInvalid


def test_headers_are_taken(file: File) -> None:
    """Names and values as they stand; a key without a value is none."""
    file.path.write_text("namespaces: []\ngateway: {response_headers: {x-served-by: eu-1, x-note: 'a b, c'}}")
    loaded = load(file.path, toy_plugins(), {})
    assert loaded.config.gateway.response_headers == {"x-served-by": "eu-1", "x-note": "a b, c"}
    file.path.write_text("namespaces: []\ngateway: {response_headers: }")
    assert load(file.path, toy_plugins(), {}).config.gateway.response_headers == {}


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ("{X-Served-By: a}", "not a name for a header"),
        ("{'x served': a}", "not a name for a header"),
        ("{'': a}", "not a name for a header"),
        ("{':status': '200'}", "not a name for a header"),
        ("{content-type: text/html}", "the gateway sets this header itself"),
        ("{grpc-status: '0'}", "the gateway sets this header itself"),
        ("{grpc-anything: a}", "the gateway sets this header itself"),
        ("{prism-namespace: a}", "the gateway sets this header itself"),
        ("{retry-after: '1'}", "the gateway sets this header itself"),
        ("{raw-bin: AA}", "bytes"),
        ("{x-a: ' a'}", "not a value for a header"),
        ('{x-a: "a\\r\\nx-b: c"}', "not a value for a header"),
        ("{x-a: é}", "not a value for a header"),
        (f"{{x-a: {'v' * 1025}}}", "1024"),
        ("{" + ", ".join(f"x-{number}: a" for number in range(17)) + "}", "17 headers"),
        ("{" + ", ".join(f"x-{number}: {'v' * 1000}" for number in range(5)) + "}", "5 headers"),
    ],
)
def test_what_cannot_be_set_is_refused(file: File, headers: str, message: str) -> None:
    """With what is wrong, and under the option's name."""
    file.path.write_text(f"namespaces: []\ngateway: {{response_headers: {headers}}}")
    with pytest.raises(ConfigInvalid) as caught:
        load(file.path, toy_plugins(), {})
    assert "gateway.response_headers" in str(caught.value)
    assert message in str(caught.value)
