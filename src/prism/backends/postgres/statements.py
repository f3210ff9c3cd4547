"""Every SQL statement of the data path: constants, each one transaction, with all that varies bound as a parameter.

Tables are named with their schema, `@.items`: no setting of a session says where they are. Three things hold for all
statements:

- An item whose time has come is dead to every statement, swept or not, by the server's clock. Reads ask the clock of
  their start; writes, which may wait for a lock, ask it when they touch the row.
- Whatever locks several rows locks them in the order of the primary key, so no two of them deadlock.
- `versions` is a sequence: a number drawn is never drawn again, whatever becomes of the transaction.
"""
# ruff: noqa: S608  # made of constants, once, at import

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement.

    Attributes:
        text: with `@.` before each table, and `@name` for the schema's name.
        writes: it may change something, so it must not be sent twice.
        named: sessions keep it prepared for good. Not one that is made for a call, of which they keep the last ones.
    """

    text: str
    writes: bool
    named: bool = True

    def sql(self, schema: str) -> str:
        """It, on the tables of a schema: a plain lower-case name."""
        return self.text.replace("@.", f'"{schema}".').replace("@name", schema)


_LIVE_AT_START = "(expires_at IS NULL OR expires_at > statement_timestamp())"
_LIVE = "(current.expires_at IS NULL OR current.expires_at > clock_timestamp())"
_EXPIRY = "(extract(epoch FROM expires_at) * 1000000)::bigint"
_INSTANT = "timestamptz 'epoch' - {0} * interval '1 microsecond'"
# Of a life as `prism.sdk.keyvalue.life` gives it.
_AFTER = f"CASE WHEN {{0}} < 0 THEN {_INSTANT} ELSE clock_timestamp() + {{0}} * interval '1 microsecond' END"

GET = Statement(
    f"""
    SELECT asked.n, value, metadata, version, {_EXPIRY}
    FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) WITH ORDINALITY AS asked (namespace, id, key, n)
    JOIN @.items USING (namespace, id, key)
    WHERE {_LIVE_AT_START}
    ORDER BY asked.n
    """,
    writes=False,
)

# What an idle gateway sends: a quarter faster than a batch of one.
GET_ONE = Statement(
    f"""
    SELECT value, metadata, version, {_EXPIRY} FROM @.items
    WHERE namespace = $1 AND id = $2 AND key = $3 AND {_LIVE_AT_START}
    """,
    writes=False,
)

EXISTS = Statement(
    f"""
    SELECT asked.n
    FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) WITH ORDINALITY AS asked (namespace, id, key, n)
    JOIN @.items USING (namespace, id, key)
    WHERE {_LIVE_AT_START}
    ORDER BY asked.n
    """,
    writes=False,
)

_INPUT = """
    input AS MATERIALIZED (
        SELECT given.*, nextval('@.versions') AS version
        FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bigint[])
            WITH ORDINALITY AS given (namespace, id, key, value, metadata, life, n)
    )
"""

# What its caller gets for an item: 0 where its time to expire at had passed.
_WRITTEN = f"CASE WHEN life < 0 AND {_INSTANT.format('life')} <= statement_timestamp() THEN 0 ELSE version END"

_STORE_INPUT = f"""
    INSERT INTO @.items AS current (namespace, id, key, value, metadata, version, expires_at)
    SELECT namespace, id, key, value, metadata, version, {_AFTER.format("life")}
    FROM input WHERE {{}} ORDER BY namespace, id, key
    ON CONFLICT (namespace, id, key) DO UPDATE
    SET value = excluded.value, metadata = excluded.metadata, version = excluded.version,
        expires_at = CASE
            WHEN NOT $7 THEN excluded.expires_at
            WHEN current.expires_at > clock_timestamp() THEN current.expires_at
        END
"""

PUT = Statement(
    f"""
    WITH {_INPUT}, stored AS ({_STORE_INPUT.format("true")})
    SELECT {_WRITTEN} FROM input ORDER BY n
    """,
    writes=True,
)

# Answers one row where the key was free, none where it is taken.
PUT_ONCE = Statement(
    f"""
    WITH {_INPUT}, claimed AS (
        INSERT INTO @.idempotency AS current (namespace, key, fingerprint, versions, used_at)
        SELECT $8, $9, $10, (SELECT array_agg({_WRITTEN} ORDER BY n) FROM input), clock_timestamp()
        ON CONFLICT (namespace, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, versions = excluded.versions, used_at = excluded.used_at
        WHERE current.used_at <= clock_timestamp() - $11 * interval '1 microsecond'
        RETURNING versions
    ), stored AS ({_STORE_INPUT.format("EXISTS (SELECT FROM claimed)")})
    SELECT versions FROM claimed
    """,
    writes=True,
)

REMEMBERED = Statement(
    """
    SELECT fingerprint, versions FROM @.idempotency
    WHERE namespace = $1 AND key = $2 AND used_at > statement_timestamp() - $3 * interval '1 microsecond'
    """,
    writes=False,
)

DELETE_ITEMS = Statement(
    f"""
    WITH locked AS (
        SELECT key FROM @.items WHERE namespace = $1 AND id = $2 AND key = ANY ($3::bytea[]) ORDER BY key FOR UPDATE
    )
    DELETE FROM @.items AS current USING locked
    WHERE current.namespace = $1 AND current.id = $2 AND current.key = locked.key
    RETURNING current.key, {_LIVE}
    """,
    writes=True,
)

DELETE_RECORD = Statement(
    f"""
    WITH locked AS (
        SELECT key FROM @.items WHERE namespace = $1 AND id = $2 ORDER BY key FOR UPDATE
    ), deleted AS (
        DELETE FROM @.items AS current USING locked
        WHERE current.namespace = $1 AND current.id = $2 AND current.key = locked.key
        RETURNING {_LIVE} AS lived
    )
    SELECT count(*) FILTER (WHERE lived) FROM deleted
    """,
    writes=True,
)

SET_EXPIRY = Statement(
    f"""
    WITH locked AS (
        SELECT key FROM @.items WHERE namespace = $1 AND id = $2 AND key = ANY ($3::bytea[]) ORDER BY key FOR UPDATE
    )
    UPDATE @.items AS current SET expires_at = {_AFTER.format("$4::bigint")} FROM locked
    WHERE current.namespace = $1 AND current.id = $2 AND current.key = locked.key AND {_LIVE}
    RETURNING current.key
    """,
    writes=True,
)

# No time to live is over before it has begun: this is of a time to expire at that had passed.
_GONE = "expires_at <= statement_timestamp()"

_ONE = "current.namespace = $1 AND current.id = $2 AND current.key = $3"

CREATE = Statement(
    f"""
    INSERT INTO @.items AS current (namespace, id, key, value, metadata, version, expires_at)
    VALUES ($1, $2, $3, $4, $5, nextval('@.versions'), {_AFTER.format("$6::bigint")})
    ON CONFLICT (namespace, id, key) DO UPDATE
    SET value = excluded.value, metadata = excluded.metadata, version = excluded.version,
        expires_at = excluded.expires_at
    WHERE NOT {_LIVE}
    RETURNING version, {_EXPIRY}, {_GONE}
    """,
    writes=True,
)

SWAP = Statement(
    f"""
    UPDATE @.items AS current
    SET value = $4, metadata = $5, version = nextval('@.versions'), expires_at = {_AFTER.format("$6::bigint")}
    WHERE {_ONE} AND {_LIVE}
        AND ($7::bytea IS NULL OR current.value = $7) AND ($8::bigint IS NULL OR current.version = $8)
    RETURNING version, {_EXPIRY}, {_GONE}
    """,
    writes=True,
)

REMOVE = Statement(
    f"""
    DELETE FROM @.items AS current
    WHERE {_ONE} AND {_LIVE}
        AND ($4::bytea IS NULL OR current.value = $4) AND ($5::bigint IS NULL OR current.version = $5)
    RETURNING version
    """,
    writes=True,
)


_COLUMNS = "id, key, value, metadata, version, expires_at"
"""Named, never `*`: the next release may add some (`prism.sdk.schema`)."""


def _page(where: str, direction: str, *, keys_only: bool) -> Statement:
    """Up to $5 items, and not many more than $6 bytes: a page of large values must not fill the memory.

    Two items come however large they are: one to give, and one to know by that there are more.
    """
    columns = "NULL::bytea, NULL::bytea" if keys_only else "value, metadata"
    size = "octet_length(key)" if keys_only else "octet_length(key) + octet_length(value) + octet_length(metadata)"
    order = f"id {direction}, key {direction}"
    return Statement(
        f"""
        SELECT id, key, {columns}, version, {_EXPIRY} FROM (
            SELECT {_COLUMNS},
                sum({size}) OVER (ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS before
            FROM (
                SELECT {_COLUMNS} FROM @.items
                WHERE namespace = $1 AND key >= $3 AND key < $4 AND {where} AND {_LIVE_AT_START}
                ORDER BY {order} LIMIT $5
            ) AS page
        ) AS sized
        WHERE coalesce(before, 0) <= $6 ORDER BY {order}
        """,
        writes=False,
    )


_DIRECTIONS = {False: ("ASC", ">"), True: ("DESC", "<")}

# By (reverse, keys_only).
SCAN_RECORD = {
    (reverse, keys_only): _page("id = $2", direction, keys_only=keys_only)
    for reverse, (direction, _) in _DIRECTIONS.items()
    for keys_only in (False, True)
}

SCAN_NAMESPACE = {
    (reverse, keys_only): _page(f"(id, key) {beyond} ($2, $7)", direction, keys_only=keys_only)
    for reverse, (direction, beyond) in _DIRECTIONS.items()
    for keys_only in (False, True)
}


def _records(direction: str, beyond: str) -> Statement:
    """Up to $4 ids, by a skip scan: one step in the index for each record, however many items it holds."""

    def step(bound: str) -> str:
        return f"""(
            SELECT items.id FROM @.items WHERE items.namespace = $1 AND {bound} AND {_LIVE_AT_START}
            ORDER BY items.id {direction} LIMIT 1
        )"""

    within = "items.id >= $2 AND items.id < $3"
    return Statement(
        f"""
        WITH RECURSIVE record (id) AS (
            {step(within)}
            UNION ALL
            SELECT {step(f"{within} AND items.id {beyond} record.id")} FROM record WHERE record.id IS NOT NULL
        )
        SELECT id FROM (SELECT id FROM record WHERE id IS NOT NULL LIMIT $4) AS page ORDER BY id {direction}
        """,
        writes=False,
    )


# By reverse.
LIST_RECORDS = {reverse: _records(*words) for reverse, words in _DIRECTIONS.items()}

HOLDS_DATA = Statement("SELECT EXISTS (SELECT FROM @.items WHERE namespace = $1)", writes=False)

HEALTH = Statement(
    "SELECT current_setting('transaction_read_only')::bool, to_regclass('@.items') IS NOT NULL", writes=False
)


def sweep(table: str, key: str, dead: str) -> Statement:
    """Removes up to $1 dead rows, unless another gateway does so; waits for no lock."""
    same = " AND ".join(f"{table}.{column} = dead.{column}" for column in key.split(", "))
    return Statement(
        f"""
        WITH turn AS MATERIALIZED (
            SELECT pg_try_advisory_xact_lock(hashtextextended('prism.sweep.@name', 0)) AS mine
        ), dead AS (
            SELECT {key} FROM @.{table} WHERE (SELECT mine FROM turn) AND {dead} LIMIT $1 FOR UPDATE SKIP LOCKED
        ), deleted AS (
            DELETE FROM @.{table} USING dead WHERE {same} RETURNING true
        )
        SELECT count(*) FROM deleted
        """,
        writes=True,
    )


SWEEP_ITEMS = sweep("items", "namespace, id, key", "expires_at <= statement_timestamp()")
SWEEP_CACHE = sweep("cache", "namespace, key", "expires_at <= statement_timestamp()")
SWEEP_IDEMPOTENCY = sweep(
    "idempotency", "namespace, key", "used_at <= statement_timestamp() - $2 * interval '1 microsecond'"
)
