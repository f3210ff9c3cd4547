"""Locks of an outsider, and the statements that wait for them."""

import asyncpg


async def lock(outsider: asyncpg.Connection, id_: str, key: bytes) -> None:
    """Locks one item until the outsider's transaction ends."""
    await outsider.execute("SELECT FROM prism.items WHERE id = $1 AND key = $2 FOR UPDATE", id_.encode(), key)


async def waiting(outsider: asyncpg.Connection, count: int) -> None:
    """Returns once so many of the gateway's statements wait for a lock."""
    query = """
        SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'prism' AND wait_event_type = 'Lock' AND datname = current_database()
    """
    while await outsider.fetchval(query) < count:
        await outsider.execute("SELECT pg_stat_clear_snapshot()")
