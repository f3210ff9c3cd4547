"""Row-level security that sees who calls: name and claims of a token, from the gateway's door to the store's policy."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

import gateways
from gateway.issuer import Issuer
from missing import missing
from prism.backends.postgres.testing import PostgresServer, ServerMissing, memory
from prism.client import Client
from prism.errors import FailedPrecondition

MAKE = """
CREATE TABLE notes (id int PRIMARY KEY, tenant text NOT NULL, circle text NOT NULL, owner text NOT NULL);
INSERT INTO notes VALUES (1, 'acme', 'staff', 'ann'), (2, 'acme', 'board', 'ann'), (3, 'acme', 'staff', 'bob'),
    (4, 'other', 'staff', 'ann');
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (tenant = current_setting('app.tenant') AND owner = current_setting('app.user')
    AND current_setting('app.circles')::jsonb ? circle);
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'notes_reader') THEN
        CREATE ROLE notes_reader LOGIN PASSWORD 'secret';
    END IF;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO notes_reader', current_database());
END $$;
GRANT SELECT ON notes TO notes_reader
"""
SETTINGS = {"app.user": "subject", "app.tenant": "claim:tenant", "app.circles": "claims:circles"}


@pytest.fixture(scope="module", params=["in_process", "sidecar"])
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[gateways.GatewayProcess, Issuer]]:
    """A gateway that asks for tokens, and who issues them."""
    try:
        server = PostgresServer(within=memory())
    except ServerMissing as absent:
        missing(str(absent))
    issuer = Issuer().start()
    try:
        with server:
            url = server.create_database()
            asyncio.run(_made(url))
            _, _, place = url.rpartition("@")
            entry = gateways.namespace(
                "notes", "postgres", "reader", connection_string=f"postgresql://{place}",
                reader={"collections": {"notes": {"table": "notes", "settings": SETTINGS}}},
            )  # fmt: skip
            entry |= {"plugin": {"type": request.param}}
            entry["credentials"] = {"username": "notes_reader", "password": "secret"}
            oidc = {"type": "oidc", "issuer": issuer.url, "audiences": ["prism"]}
            rules = [{"principals": ["*"], "namespaces": ["notes"], "operations": ["read"]}]
            config = {
                "authentication": {"methods": [oidc]}, "authorization": {"rules": rules}, "namespaces": [entry],
            }  # fmt: skip
            with gateways.running(config, tmp_path_factory.mktemp("gateway")) as gateway:
                yield gateway, issuer
    finally:
        issuer.stop()


async def _made(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(MAKE)
    await connection.close()


async def test_rows_of_the_caller(stage: tuple[gateways.GatewayProcess, Issuer]) -> None:
    """CONTRACT, Reader 9: a policy sees the caller's name and claims; of one token never those of another."""
    gateway, issuer = stage

    async def ids(**claims: object) -> list[int]:
        async with Client(gateway.data, token=issuer.token(**claims)) as prism:
            return [row["id"] async for row in prism.reader("notes").read("notes")]

    both = ["staff", "board"]
    for _ in range(2):  # the tokens of one caller differ
        found = await asyncio.gather(
            ids(sub="ann", tenant="acme", circles=both), ids(sub="ann", tenant="acme", circles="staff"),
            ids(sub="bob", tenant="acme", circles=both), ids(sub="ann", tenant="other", circles=both),
            ids(sub="ann", tenant="acme' OR '1' = '1", circles=both), ids(sub="ann", circles=both),
            ids(sub="ann", tenant="acme"),
        )  # fmt: skip
        assert found == [[1, 2], [1], [3], [4], [], [], []]
    with pytest.raises(FailedPrecondition, match="claim tenant of the caller's token has 2 values"):
        await ids(sub="ann", tenant=["acme", "other"], circles=both)
