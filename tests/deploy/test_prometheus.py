"""What deploy/ offers for Prometheus and Grafana, by a real Prometheus that scrapes a real gateway."""

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from deploy.prometheus_server import ROOT, Prometheus, prometheus, tool
from gateways import GatewayProcess, namespace, running
from prism.client.sync import Client
from prism.errors import NamespaceNotFound

RULES = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "prism.json"
_VARIABLES = {"$namespace": ".*", "$instance": ".*", "$__rate_interval": "1m"}
_METRIC = re.compile(r"\b(?:prism|process)_[a-z_]+[a-z]\b")


@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", "alerts.yaml"), ("check", "config", "prometheus.yaml"), ("test", "rules", "alerts.test.yaml")],
    ids=" ".join,
)
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    """Rules and configuration are sound, and each alert is raised when it should be and not else."""
    done = subprocess.run([tool("promtool"), *arguments], cwd=RULES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested() -> None:
    """None of them but for the plainest has no case in alerts.test.yaml."""
    rules = yaml.safe_load((RULES / "alerts.yaml").read_text())["groups"][0]["rules"]
    cases = (RULES / "alerts.test.yaml").read_text()
    assert [each["alert"] for each in rules if f"alertname: {each['alert']}" not in cases] == []


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that tells all it can; its traces find nobody."""
    folder = tmp_path_factory.mktemp("gateway")
    config = {
        "telemetry": {"listen": "127.0.0.1:0", "traces": {"endpoint": "http://127.0.0.1:1", "ratio": 1}},
        "audit": {"output": str(folder / "audit.jsonl"), "calls": 1},
        "policies": {"default": {"breaker": {}, "retries": {}}},
        "namespaces": [namespace("here", "memory"), namespace("work", "memory", "queue")],
    }
    with running(config, folder) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def scraping(gateway: GatewayProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus with our configuration, but for the address and the pace; it has scraped twice."""
    config = yaml.safe_load((RULES / "prometheus.yaml").read_text())
    config["global"] = {"scrape_interval": "300ms", "evaluation_interval": "300ms"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [gateway.metrics]
    config["rule_files"] = [str(RULES / "alerts.yaml")]
    _call(gateway)
    with prometheus(yaml.safe_dump(config), tmp_path_factory.mktemp("prometheus")) as server:
        server.wait(lambda: server.query('sum_over_time(up{job="prism"}[1m]) > 1') != [])
        yield server


def _call(gateway: GatewayProcess) -> None:
    """A good call and a bad one."""
    with Client(gateway.data) as prism:
        prism.keyvalue("here").put("r", {b"k": b"v"})
        jobs = prism.queue("work")
        jobs.publish("mail")
        jobs.receive("mail", group="senders")
        jobs.publish("mail")
        with pytest.raises(NamespaceNotFound):
            prism.keyvalue("nowhere").get("r", b"k")


def test_a_gateway_is_scraped(scraping: Prometheus) -> None:
    """It is up, and its calls are counted as they were made."""
    (up,) = scraping.query('up{job="prism"}')
    assert up["value"][1] == "1"
    (calls,) = scraping.query('prism_requests_total{namespace="here",status="OK"}')
    assert calls["value"][1] == "1"


def test_what_waits_is_told_by_group(scraping: Prometheus) -> None:
    """Counted beside the calls, and there with the scrape after that."""
    scraping.wait(lambda: scraping.query("prism_queue_waiting") != [])
    for name, value in (("waiting", "1"), ("in_flight", "1"), ("dead", "0"), ("delayed", "0")):
        (found,) = scraping.query(f'prism_queue_{name}{{namespace="work",topic="mail",group="senders"}}')
        assert (found["metric"]["backend"], found["value"][1]) == ("memory", value), name
    (age,) = scraping.query("prism_queue_oldest_age_seconds")
    assert float(age["value"][1]) >= 0
    (deliveries,) = scraping.query("prism_queue_deliveries_total")
    assert (deliveries["metric"]["attempt"], deliveries["value"][1]) == ("1", "1")


def test_the_figures_follow_the_conventions(gateway: GatewayProcess) -> None:
    """All that a gateway tells, by Prometheus' own linter."""
    with urllib.request.urlopen(f"http://{gateway.metrics}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    # The client library's own python_info and python_gc_* are not ours to rename.
    ours = "".join(f"{line}\n" for line in lines if not re.match(r"(# (HELP|TYPE) )?python_", line))
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=ours, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_rules_are_evaluated(scraping: Prometheus) -> None:
    """Each without an error, on real figures."""

    def rules() -> list[dict[str, Any]]:
        return [rule for group in scraping.get("rules")["groups"] for rule in group["rules"]]

    scraping.wait(lambda: all(each["health"] != "unknown" for each in rules()))
    assert len(rules()) == 15
    assert {each["name"]: each.get("lastError") for each in rules() if each["health"] != "ok"} == {}


def _expressions() -> Iterator[tuple[str, str]]:
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for each in dashboard["annotations"]["list"]:
        yield each["name"], each["expr"]


def test_every_query_of_the_dashboard_is_answered(scraping: Prometheus) -> None:
    """No query is refused, and each metric that one names is there."""
    known = set(scraping.get("label/__name__/values"))
    families = known | set(_declared(scraping))
    problems = []
    for title, expression in _expressions():
        for variable, value in _VARIABLES.items():
            expression = expression.replace(variable, value)  # as Grafana would
        scraping.query(expression)
        problems += [f"{title}: {name}" for name in _METRIC.findall(expression) if name not in families]
    assert problems == []


def test_the_variables_of_the_dashboard_have_values(scraping: Prometheus) -> None:
    """They are read from metrics that are there."""
    variables = json.loads(DASHBOARD.read_text())["templating"]["list"]
    found = [
        re.fullmatch(r"label_values\((\w+), (\w+)\)", each["definition"]) for each in variables if "definition" in each
    ]
    assert len(found) == 2
    for match in found:
        assert match is not None
        assert scraping.query(f"count by ({match[2]}) ({match[1]})") != []


def _declared(scraping: Prometheus) -> Iterator[str]:
    """Names that a gateway tells of but has no values for yet, such as denials."""
    for name, (about, *_) in scraping.get("metadata").items():
        yield f"{name}_total" if about["type"] == "counter" and not name.endswith("_total") else name
