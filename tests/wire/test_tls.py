"""TLS and mutual TLS, and what the server learns of its peers."""

import asyncio
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
import pytest
import trustme

from prism.wire import Channel, Code, Server, StatusError, client_context, server_context
from wire.service import Service


@dataclass
class Papers:
    """PEM files of an authority, a server and a client."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Certificates made for this run."""
    folder = tmp_path_factory.mktemp("papers")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name, certificate in (
        ("server", authority.issue_cert("localhost", "127.0.0.1")),
        ("client", authority.issue_cert("app@example.org", common_name="app")),
    ):
        certificate.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        for pem in certificate.cert_chain_pems:
            pem.write_to_path(str(folder / f"{name}.pem"), append=True)
    return Papers(*(folder / name for name in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")))


async def test_calls_over_tls(server: Server, service: Service, papers: Papers) -> None:
    """Both a stock client and ours; large messages too, and the peer is known to be secured and nameless."""
    address = await server.listen("127.0.0.1:0", tls=server_context(papers.server, papers.server_key))
    credentials = grpc.ssl_channel_credentials(papers.ca.read_bytes())
    async with grpc.aio.secure_channel(address, credentials) as stock:
        assert await stock.unary_unary("/test.Test/Echo")(b"x") == b"x"
    async with Channel(address, tls=client_context(papers.ca)) as channel:
        assert await channel.unary("/test.Test/Echo", b"x" * 4_000_000) == b"x" * 4_000_000
    assert service.call is not None
    peer = service.call.peer
    assert (peer.tls, peer.certificate, peer.credentials) == (True, None, None)


async def test_mutual_tls_names_the_client(server: Server, service: Service, papers: Papers) -> None:
    """The certificate that the client proved reaches the handler."""
    tls = server_context(papers.server, papers.server_key, client_ca=papers.ca)
    address = await server.listen("127.0.0.1:0", tls=tls)
    own = client_context(papers.ca, papers.client, papers.client_key)
    async with Channel(address, tls=own) as channel:
        await channel.unary("/test.Test/Echo", b"")
    assert service.call is not None
    certificate = service.call.peer.certificate
    assert certificate is not None
    assert certificate.der == ssl.PEM_cert_to_DER_cert(papers.client.read_text())
    assert certificate.fields["subjectAltName"] == (("email", "app@example.org"),)


async def test_mutual_tls_refuses_a_client_without_a_certificate(server: Server, papers: Papers) -> None:
    """The call fails, and was never processed."""
    tls = server_context(papers.server, papers.server_key, client_ca=papers.ca)
    address = await server.listen("127.0.0.1:0", tls=tls)
    async with Channel(address, tls=client_context(papers.ca)) as channel:
        with pytest.raises(StatusError) as caught:
            await channel.unary("/test.Test/Echo", b"")
    assert caught.value.status.code is Code.UNAVAILABLE
    assert caught.value.unprocessed


async def test_a_server_that_the_authority_does_not_know_is_refused(server: Server, papers: Papers) -> None:
    """The message says that it is the certificate."""
    address = await server.listen("127.0.0.1:0", tls=server_context(papers.server, papers.server_key))
    async with Channel(address, tls=client_context()) as channel:
        with pytest.raises(StatusError, match="CERTIFICATE_VERIFY_FAILED"):
            await channel.unary("/test.Test/Echo", b"")


async def test_a_server_under_another_name(server: Server, papers: Papers) -> None:
    """A unix socket or a proxy's address may stand for a name."""
    address = await server.listen("127.0.0.1:0", tls=server_context(papers.server, papers.server_key))
    async with Channel(address, tls=client_context(papers.ca), server_name="localhost") as channel:
        assert await channel.unary("/test.Test/Echo", b"x") == b"x"
    async with Channel(address, tls=client_context(papers.ca), server_name="example.org") as channel:
        with pytest.raises(StatusError, match=r"example\.org"):
            await channel.unary("/test.Test/Echo", b"x")


def test_nothing_below_tls_1_2(papers: Papers) -> None:
    """Neither end offers it."""
    contexts = (server_context(papers.server, papers.server_key), client_context(papers.ca))
    assert [context.minimum_version for context in contexts] == [ssl.TLSVersion.TLSv1_2] * 2


async def test_a_server_without_http2_is_refused(papers: Papers) -> None:
    """By ALPN, before a call is sent."""
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    plain.load_cert_chain(papers.server, papers.server_key)

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(hold, "127.0.0.1", 0, ssl=plain)
    port = listener.sockets[0].getsockname()[1]
    async with listener, Channel(f"127.0.0.1:{port}", tls=client_context(papers.ca)) as channel:
        with pytest.raises(StatusError, match="ALPN"):
            await channel.unary("/test.Test/Echo", b"")


async def test_a_unix_socket_names_the_process(server: Server, service: Service, tmp_path: Path) -> None:
    """The socket is its owner's alone, and the kernel says who connected."""
    address = await server.listen(f"unix:{tmp_path}/socket")
    assert (tmp_path / "socket").stat().st_mode & 0o777 == 0o600
    async with Channel(address) as channel:
        await channel.unary("/test.Test/Echo", b"")
    assert service.call is not None
    credentials = service.call.peer.credentials
    assert credentials is not None
    assert (credentials.pid, credentials.uid, credentials.gid) == (os.getpid(), os.getuid(), os.getgid())
    await server.close()
    assert not (tmp_path / "socket").exists()


async def test_http_and_grpc_over_one_tls_port(service: Service, papers: Papers) -> None:
    """ALPN offers both, and a client without HTTP/2 is served too."""
    async with Server(service.lookup) as server:
        address = await server.listen("127.0.0.1:0", tls=server_context(papers.server, papers.server_key))
        context = ssl.create_default_context(cafile=str(papers.ca))
        context.set_alpn_protocols(["http/1.1"])
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        writer.write(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()
        await writer.wait_closed()
