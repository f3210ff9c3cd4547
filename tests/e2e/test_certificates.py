"""Certificates and authorities that are replaced while a whole gateway serves, on the data port and the admin port."""

import asyncio
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import gateways
from authority import Authority, Issued, shown
from cli.command import Done, prism
from prism.client import Client, GatewayUnavailable
from prism.client.retry import RetryPolicy
from prism.wire import client_context

ONCE = RetryPolicy(attempts=1)
RENEWED = "new connections get the certificate"


@dataclass
class Secured:
    """A gateway with TLS, and those who vouch for it and its callers.

    Attributes:
        config: its configuration.
        gateway: its data port takes certificates of `callers`, its admin port, open to other machines, of `operators`.
        folder: its files of TLS, one of each for the data port and the admin port.
    """

    gateway: gateways.GatewayProcess
    config: dict[str, Any]
    folder: Path
    own: Authority
    callers: Authority
    operators: Authority

    def put(self, port: str, issued: Issued) -> None:
        """Replaces the port's certificate and its key, one after the other."""
        replace(self.folder / f"{port}.crt", issued.cert.read_bytes())
        replace(self.folder / f"{port}.key", issued.key.read_bytes())

    def certificate(self) -> Issued:
        """A new one for the gateway."""
        return self.own.issue("gateway", dns="localhost", ip="127.0.0.1")

    def client(self, issued: Issued) -> Client:
        """A caller of the data port."""
        tls = client_context(self.own.ca, issued.cert, issued.key)
        return Client(self.gateway.data, tls=tls, retry=ONCE)

    async def renewed(self, section: str, before: float, outcome: str = "applied") -> float:
        """Waits until the figures count one more change than `before`."""
        while (count := await self.changes(section, outcome)) <= before:  # noqa: ASYNC110  # nothing tells of figures
            await asyncio.sleep(0.02)
        return count

    async def changes(self, section: str, outcome: str = "applied") -> float:
        """How many changes of a section's files had that outcome."""
        return await self.figure(f'prism_tls_changes_total{{outcome="{outcome}",section="{section}"}}')

    async def figure(self, name: str) -> float:
        """What the metrics say, by name and labels."""
        with await asyncio.to_thread(urllib.request.urlopen, f"http://{self.gateway.metrics}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        (found,) = (float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))
        return found


def replace(file: Path, content: bytes) -> None:
    """In one step, as tools do."""
    fresh = file.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(file)


def der(issued: Issued) -> bytes:
    """The certificate as a connection shows it."""
    return ssl.PEM_cert_to_DER_cert(issued.cert.read_text())


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    own, callers, operators = (Authority(folder / name, name) for name in ("own", "callers", "operators"))
    files = folder / "files"
    files.mkdir()
    config: dict[str, Any] = {
        "authentication": {"methods": [{"type": "mtls"}]},
        "authorization": {
            "rules": [
                {"principals": ["app"], "namespaces": ["*"], "operations": ["read", "write"]},
                {"principals": ["root"], "namespaces": ["*"], "operations": ["admin"]},
            ]
        },
        "namespaces": [gateways.namespace("default", "memory")],
    }
    first = own.issue("gateway", dns="localhost", ip="127.0.0.1")
    for port, section, address in (("data", "gateway", "127.0.0.1:0"), ("admin", "admin", "0.0.0.0:0")):
        replace(files / f"{port}.crt", first.cert.read_bytes())
        replace(files / f"{port}.key", first.key.read_bytes())
        authority = {"data": callers, "admin": operators}[port]
        replace(files / f"{port}.ca", authority.ca.read_bytes())
        tls = {"cert": f"{files}/{port}.crt", "key": f"{files}/{port}.key", "client_ca": f"{files}/{port}.ca"}
        if port == "data":
            replace(files / "data.crl", authority.crl.read_bytes())
            tls["client_crl"] = f"{files}/data.crl"
        config[section] = {"listen": address, "tls": tls | {"client_certificates": "optional"}}
    with gateways.running(config, folder / "gateway") as gateway:
        yield Secured(gateway, config, files, own, callers, operators)


async def test_a_new_certificate_fails_no_call(secured: Secured) -> None:
    """Calls on open connections and on new ones go on while the pair is replaced; then new ones are shown it."""
    app = secured.callers.issue("app")
    done = asyncio.Event()

    async def calls_on_one_connection() -> int:
        made = 0
        async with secured.client(app) as client:
            while not done.is_set():
                await client.keyvalue("default").put("r", {b"k": b"v"})
                made += 1
                await asyncio.sleep(0.005)
        return made

    async def connects_anew() -> int:
        made = 0
        while not done.is_set():
            async with secured.client(app) as client:
                await client.keyvalue("default").get("r", b"k")
            made += 1
            await asyncio.sleep(0.005)
        return made

    callers = [asyncio.create_task(call()) for call in (calls_on_one_connection, connects_anew, connects_anew)]
    count = await secured.changes("gateway.tls")
    for _ in range(3):
        fresh = secured.certificate()
        secured.put("data", fresh)
        count = await secured.renewed("gateway.tls", count)
        while await shown(secured.gateway.data, secured.own.ca) != der(fresh):
            count = await secured.renewed("gateway.tls", count)  # the certificate was seen before its key
    done.set()
    assert min(await asyncio.gather(*callers)) > 0


async def test_a_pair_that_does_not_fit_changes_nothing_and_says_why(secured: Secured) -> None:
    """The one of before is shown on; the log and the figures tell; when the other half comes, the new one serves."""
    before, fresh = await shown(secured.gateway.data, secured.own.ca), secured.certificate()
    refused, applied = [await secured.changes("gateway.tls", outcome) for outcome in ("refused", "applied")]
    replace(secured.folder / "data.crt", fresh.cert.read_bytes())
    await secured.renewed("gateway.tls", refused, "refused")
    secured.gateway.wait_for_log(
        "section gateway.tls: TLS reload failed; the previous certificate stays in use until the files are corrected: "
        "these files are"
    )
    assert "key values mismatch" in secured.gateway.wait_for_log("TLS reload failed")
    assert await shown(secured.gateway.data, secured.own.ca) == before
    replace(secured.folder / "data.key", fresh.key.read_bytes())
    await secured.renewed("gateway.tls", applied)
    assert await shown(secured.gateway.data, secured.own.ca) == der(fresh)


async def test_another_authority_lets_its_own_callers_in_and_the_others_stay_out(
    secured: Secured, tmp_path: Path
) -> None:
    """New connections are asked for its certificates; who is connected stays so."""
    others = Authority(tmp_path / "others", "others")
    app, stranger = secured.callers.issue("app"), others.issue("app")
    async with secured.client(app) as connected:
        await connected.keyvalue("default").put("r", {b"k": b"v"})
        applied = await secured.changes("gateway.tls")
        before = (secured.folder / "data.ca").read_bytes()
        replace(secured.folder / "data.crl", secured.callers.crl.read_bytes() + others.crl.read_bytes())
        applied = await secured.renewed("gateway.tls", applied)
        replace(secured.folder / "data.ca", others.ca.read_bytes())
        try:
            await secured.renewed("gateway.tls", applied)
            await connected.keyvalue("default").put("r", {b"k": b"v"})
            async with secured.client(stranger) as client:
                await client.keyvalue("default").get("r", b"k")
            async with secured.client(app) as client:
                with pytest.raises(GatewayUnavailable):
                    await client.keyvalue("default").get("r", b"k")
        finally:
            replace(secured.folder / "data.ca", before)
            await secured.renewed("gateway.tls", applied + 1)


async def test_a_certificate_that_is_put_on_the_list_connects_no_more(secured: Secured) -> None:
    """The list is read again as the other files are; other certificates of the authority are let in."""
    stolen, app = secured.callers.issue("app"), secured.callers.issue("app")
    async with secured.client(stolen) as client:
        await client.keyvalue("default").put("r", {b"k": b"v"})
    applied = await secured.changes("gateway.tls")
    secured.callers.revoke(stolen)
    replace(secured.folder / "data.crl", secured.callers.crl.read_bytes())
    await secured.renewed("gateway.tls", applied)
    async with secured.client(stolen) as client:
        with pytest.raises(GatewayUnavailable):
            await client.keyvalue("default").get("r", b"k")
    async with secured.client(app) as client:
        await client.keyvalue("default").get("r", b"k")


async def test_a_changed_section_is_applied_by_a_reload(secured: Secured, tmp_path: Path) -> None:
    """Other files and authorities, which are watched then; what cannot be used leaves those of before and is said."""
    others = Authority(tmp_path / "others", "others")
    app, stranger, fresh = secured.callers.issue("app"), others.issue("app"), secured.certificate()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    replace(elsewhere / "tls.crt", fresh.cert.read_bytes())
    replace(elsewhere / "tls.key", fresh.key.read_bytes())
    section = {"cert": f"{elsewhere}/tls.crt", "key": f"{elsewhere}/tls.key", "client_ca": str(others.ca)}
    section["client_certificates"] = "optional"

    def reload(tls: dict[str, Any] | None) -> None:
        gateway = {name: value for name, value in secured.config["gateway"].items() if name != "tls" or tls}
        secured.gateway.write_config(secured.config | {"gateway": gateway | ({"tls": tls} if tls else {})})
        secured.gateway.reload()

    async def answered(issued: Issued) -> bool:
        async with secured.client(issued) as client:
            try:
                await client.keyvalue("default").get("r", b"k")
            except GatewayUnavailable:
                return False
            return True

    try:
        async with secured.client(app) as connected:
            await connected.keyvalue("default").get("r", b"k")
            applied = await secured.changes("gateway.tls")
            reload(section)
            applied = await secured.renewed("gateway.tls", applied)
            while await shown(secured.gateway.data, secured.own.ca) != der(fresh):
                applied = await secured.renewed("gateway.tls", applied)  # the files of before, at the signal
            await connected.keyvalue("default").get("r", b"k")
        assert (await answered(stranger), await answered(app)) == (True, False)
        renewed = secured.certificate()
        replace(elsewhere / "tls.key", renewed.key.read_bytes())
        replace(elsewhere / "tls.crt", renewed.cert.read_bytes())
        while await shown(secured.gateway.data, secured.own.ca) != der(renewed):
            applied = await secured.renewed("gateway.tls", applied)
        reload(None)
        secured.gateway.wait_for_log("gateway.tls: turning TLS on or off requires a restart; still serving TLS")
        assert await answered(stranger)
    finally:
        reload(secured.config["gateway"]["tls"])
        while not await answered(app):  # noqa: ASYNC110  # nothing tells of it but that it is answered
            await asyncio.sleep(0.02)


async def test_a_handshake_that_fails_is_counted_and_told(secured: Secured, tmp_path: Path) -> None:
    """On the port where it failed, by why; the log has a sentence, and nothing that the other side chose."""
    stranger = Authority(tmp_path / "strangers", "strangers").issue("a name that nobody else has")
    tls = client_context(secured.own.ca, stranger.cert, stranger.key)
    for section, address in (("gateway.tls", secured.gateway.data), ("admin.tls", secured.gateway.admin)):
        name = f'prism_tls_handshake_failures_total{{reason="unknown_authority",section="{section}"}}'
        before = await secured.figure(name)
        async with Client(address.replace("0.0.0.0", "127.0.0.1"), tls=tls, retry=ONCE) as client:
            with pytest.raises(GatewayUnavailable):
                await client.keyvalue("default").get("r", b"k")
        assert await secured.figure(name) == before + 1
        line = secured.gateway.wait_for_log(f"port secured by {section}: a TLS handshake failed")
        assert "the client's certificate was not issued by an authority in client_ca" in line
    assert not any("nobody else has" in line for line in secured.gateway.lines)


async def test_the_admin_port_over_tls_asks_operators_alone(secured: Secured) -> None:
    """Open to other machines: by its own authority and a rule with `admin`; its certificate is replaced too."""
    root, nobody = secured.operators.issue("root"), secured.operators.issue("nobody")
    app = secured.callers.issue("root")

    async def listed(issued: Issued | None) -> Done:
        options = ("--tls-cert", str(issued.cert), "--tls-key", str(issued.key)) if issued else ()
        address = secured.gateway.admin.replace("0.0.0.0", "127.0.0.1")
        return await prism("plugin", "list", "--endpoint", address, "--tls-ca", str(secured.own.ca), *options)

    done = await listed(root)
    assert done.code == 0, done.err
    assert "memory" in done.out
    for issued, says in ((nobody, "may not administer"), (None, "authentication required"), (app, "connect")):
        refused = await listed(issued)
        assert refused.code != 0
        assert says in refused.err, refused.err
    applied, fresh = await secured.changes("admin.tls"), secured.certificate()
    secured.put("admin", fresh)
    await secured.renewed("admin.tls", applied)
    assert (await listed(root)).code == 0
    assert "over TLS" in next(line for line in secured.gateway.lines if line.strip().startswith("admin"))
