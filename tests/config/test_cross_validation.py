"""What sections must not say together, and the sections about callers, refused in the project's words."""

from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from prism.config.loading import load
from prism.config.yaml.problem import ConfigInvalid, Problem
from prism.plugins.discovery import discover

KEY = "{name: ci, hash: 'sha256:" + "0" * 64 + "'}"
KEYS = f"authentication: {{methods: [{{type: api_keys, keys: [{KEY}]}}]}}\n"


def problems(folder: Path, text: str) -> dict[str, Problem]:
    """What is wrong, by path; nothing where the file is valid."""
    file = folder / "prism.yaml"
    file.write_text(f"{text}\nnamespaces: []\n")
    try:
        load(file, discover(), {})
    except ConfigInvalid as error:
        return {problem.path: problem for problem in error.problems}
    return {}


@pytest.mark.parametrize("address", ["0.0.0.0:8980", "10.1.2.3:1", "[::]:8980", "gateway.internal:0"])
def test_an_open_address_needs_somebody_who_asks(tmp_path: Path, address: str) -> None:
    """Without authentication only this machine is served, unless somebody says that it is meant so."""
    listen = f"gateway: {{listen: '{address}'}}\n"
    found = problems(tmp_path, listen)
    assert list(found) == ["gateway.listen"]
    assert "exposed to the network without authentication" in found["gateway.listen"].message
    assert "authentication: none" in found["gateway.listen"].allowed
    for said in ("authentication: none", "authentication: {insecure: true}", KEYS):
        assert problems(tmp_path, listen + said) == {}


def test_one_open_address_of_several_is_enough(tmp_path: Path) -> None:
    """It is named."""
    found = problems(tmp_path, "gateway: {listen: ['127.0.0.1:1', '0.0.0.0:2']}\n")
    assert "'0.0.0.0:2'" in found["gateway.listen"].found


@pytest.mark.parametrize("address", ["127.0.0.1:1", "localhost:1", "[::1]:1", "unix:/tmp/x"])
def test_this_machine_needs_none(tmp_path: Path, address: str) -> None:
    """Loopback and unix sockets are served without."""
    assert problems(tmp_path, f"gateway: {{listen: '{address}'}}") == {}


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("authentication: {}", "authentication.methods", "no authentication method is set"),
        ("authentication: {insecure: true, methods: [{type: unix, users: {1: a}}]}", "authentication.insecure", "keep"),
        ("authentication: {methods: [{type: mtls}]}", "authentication.methods[0].type", "add client_ca to gateway.tls"),
        ("authentication: {methods: [{type: oauth}]}", "authentication.methods[0].type", "not one of the values"),
        ("authentication: {methods: [{}]}", "authentication.methods[0].type", "this key is missing"),
        ("authorization: {rules: []}", "authorization", "no authentication method is"),
        (
            KEYS + "authorization: {rules: [{namespaces: ['*'], operations: [read]}]}",
            "authorization.rules[0]",
            "the rule has no subject",
        ),
        (
            KEYS + "authorization: {rules: [{principals: [a], namespaces: ['A_b'], operations: [read]}]}",
            "authorization.rules[0].namespaces[0]",
            "not a pattern",
        ),
        (
            KEYS + "authorization: {rules: [{principals: [a], namespaces: [a], operations: [raed]}]}",
            "authorization.rules[0].operations[0]",
            "not one of the values",
        ),
        (
            "authentication: {methods: [{type: oidc, issuer: 'http://idp.example', audiences: [prism]}]}",
            "authentication.methods[0].issuer",
            "over TLS",
        ),
        (
            "authentication: {methods: [{type: oidc, issuer: 'https://i', audiences: [p], algorithms: [HS256]}]}",
            "authentication.methods[0].algorithms[0]",
            "not a signature with a public key",
        ),
        (
            "authentication: {methods: [{type: oidc, issuer: 'https://i', audiences: [p], ca: /nowhere}]}",
            "authentication.methods[0].ca",
            "not a valid list of CA certificates",
        ),
        ("gateway: {tls: {cert: /nowhere, key: /nowhere}}", "gateway.tls.key", "no such file"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, path: str, message: str) -> None:
    """Each where it stands."""
    assert message in problems(tmp_path, text)[path].message


def test_a_key_in_place_of_its_hash_is_not_repeated(tmp_path: Path) -> None:
    """It is a secret in the wrong place, and a log is another one."""
    keys = "{type: api_keys, keys: [{name: ci, hash: prism_very_secret}]}"
    problem = problems(tmp_path, f"authentication: {{methods: [{keys}]}}")["authentication.methods[0].keys[0].hash"]
    assert "prism policy key" in problem.allowed
    assert "very_secret" not in str(problem)


def test_two_callers_cannot_share_a_key(tmp_path: Path) -> None:
    """Whose it is would depend on the order of the file."""
    keys = f"authentication: {{methods: [{{type: api_keys, keys: [{KEY}, {KEY.replace('ci', 'other')}]}}]}}"
    problem = problems(tmp_path, keys)["authentication.methods[0].keys[1].hash"]
    assert problem.message == "this key is already used by 'ci'; create another one"


def test_tls_files_must_fit(tmp_path: Path) -> None:
    """A certificate with another's key is refused before anything starts; the right ones are taken."""
    authority = trustme.CA()
    one, two = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    one.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    one.private_key_pem.write_to_path(tmp_path / "key.pem")
    two.private_key_pem.write_to_path(tmp_path / "other.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = "gateway: {{tls: {{cert: {0}/cert.pem, key: {0}/{1}.pem, client_ca: {0}/ca.pem}}}}\n"
    mtls = "authentication: {methods: [{type: mtls, identity: [cn]}]}"
    assert "key values mismatch" in problems(tmp_path, tls.format(tmp_path, "other") + mtls)["gateway.tls"].message
    assert problems(tmp_path, tls.format(tmp_path, "key") + mtls) == {}


def test_the_admin_port_is_opened_by_tls_and_authentication_together(tmp_path: Path) -> None:
    """Either alone is not enough, and `none` is no authentication."""
    issued = trustme.CA().issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    secured = f"admin: {{listen: '0.0.0.0:8981', tls: {{cert: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}}}\n"
    for text in (secured, f"{secured}authentication: none", f"admin: {{listen: '0.0.0.0:8981'}}\n{KEYS}"):
        assert list(problems(tmp_path, text)) == ["admin.listen"]
    assert problems(tmp_path, secured + KEYS) == {}
    wrong = secured.replace("key.pem", "cert.pem")
    assert list(problems(tmp_path, wrong + KEYS)) == ["admin.tls"]


def test_a_key_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    """Nothing waits for somebody to type it."""
    issued = trustme.CA().issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    form, locked = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    (tmp_path / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, locked))
    problem = problems(tmp_path, f"gateway: {{tls: {{cert: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}}}")
    assert "encrypted; give one without a passphrase" in problem["gateway.tls"].message


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("policies: {a: {timeouts: {default: 9, longest: 5}}}", "policies.a.timeouts", "longer than the longest"),
        ("policies: {a: {limits: {requests: {rate: 0}}}}", "policies.a.limits.requests.rate", "not allowed"),
        ("policies: {a: {breaker: {ratio: 2}}}", "policies.a.breaker.ratio", "less than or equal to 1"),
        ("policies: {a: {limits: {reqests: {rate: 1}}}}", "policies.a.limits.reqests", "no such key"),
    ],
)
def test_mistakes_in_policies_are_named(tmp_path: Path, text: str, path: str, message: str) -> None:
    """Each where it stands."""
    assert message in str(problems(tmp_path, text)[path])


def test_a_namespace_has_a_policy_by_name_its_own_or_the_default(tmp_path: Path) -> None:
    """A name that is nowhere is a mistake, with the nearest one that is."""
    file = tmp_path / "prism.yaml"
    text = """
policies: {default: {timeouts: {longest: 1}}, batch: {timeouts: {longest: 2}}}
namespaces:
  - {name: a, backend: memory}
  - {name: b, backend: memory, policy: batch}
  - {name: c, backend: memory, policy: {timeouts: {longest: 3}}}
"""
    file.write_text(text)
    config = load(file, discover(), {}).config
    policies = [config.policy_of(entry) for entry in config.namespaces]
    assert [each and each.timeouts and each.timeouts.longest for each in policies] == [1, 2, 3]
    file.write_text(text.replace("policy: batch", "policy: bach"))
    with pytest.raises(ConfigInvalid) as caught:
        load(file, discover(), {})
    (problem,) = caught.value.problems
    assert (problem.path, problem.nearest, problem.allowed) == ("namespaces[1].policy", "batch", "batch, default")
