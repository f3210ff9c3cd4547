"""HTTP/2 and HPACK by h2spec, case by case: the ruler that others measure their servers by."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import trustme

from prism.wire import HttpRequest, HttpResponse, Server, server_context

_CASES = 146  # of the version that go.mod names; fewer would mean that some did not run


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server whose pages have some KB: h2spec leaves out the cases of flow control where there is no data."""

    async def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [("content-type", "text/plain")], b"x" * 4096)

    async with Server(lambda path: None, http=page) as server:
        yield server


async def test_every_case_passes_in_clear_text(h2spec: Path, server: Server, tmp_path: Path) -> None:
    """Generic, http2 and hpack; none fails and none is skipped."""
    address = await server.listen("127.0.0.1:0")
    await _measure(h2spec, address, tmp_path)


async def test_every_case_passes_over_tls(h2spec: Path, server: Server, tmp_path: Path) -> None:
    """The same behind TLS and ALPN."""
    certificate = trustme.CA().issue_cert("127.0.0.1")
    chain, key = tmp_path / "server.pem", tmp_path / "server.key"
    certificate.private_key_pem.write_to_path(str(key))
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(str(chain), append=True)
    address = await server.listen("127.0.0.1:0", tls=server_context(chain, key))
    await _measure(h2spec, address, tmp_path, "--tls", "--insecure")


async def _measure(h2spec: Path, address: str, folder: Path, *options: str) -> None:
    host, port = address.rsplit(":", 1)
    report = folder / "report.xml"
    to = ["-h", host, "-p", port, "-P", "/data", *options]
    command = [str(h2spec), "generic", "http2", "hpack", "--strict", "-o", "20", *to]
    process = await asyncio.create_subprocess_exec(
        *command, "-j", str(report), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert report.exists(), output.decode()
    cases = list(ElementTree.parse(report).iter("testcase"))
    wrong = [
        f"{case.get('package')} {case.get('classname')}: {each.tag} {' '.join((each.text or '').split())}"
        for case in cases
        for each in case
    ]
    assert not wrong, "\n".join(wrong)
    assert {str(case.get("package")).split("/")[0] for case in cases} == {"generic", "http2", "hpack"}
    assert len(cases) == _CASES
    assert process.returncode == 0, output.decode()
