"""Every SQL statement of Cache; rules for all statements of the backend are in `statements`."""
# ruff: noqa: S608  # made of constants, once, at import

from prism.backends.postgres.statements import Statement

_LIVE = "(current.expires_at IS NULL OR current.expires_at > clock_timestamp())"
_AFTER = "clock_timestamp() + {} * interval '1 microsecond'"
_NUMBER = "encode({}.value, 'escape')"
_COUNTER = f"{_NUMBER.format('current')} ~ '^(0|-?[1-9][0-9]{{0,18}})$'"
_SUM = f"{_NUMBER.format('current')}::numeric + {_NUMBER.format('excluded')}::numeric"
_IN_RANGE = f"{_SUM} BETWEEN -9223372036854775808 AND 9223372036854775807"

GET = Statement(
    """
    SELECT asked.n, value
    FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS asked (namespace, key, n)
    JOIN @.cache USING (namespace, key)
    WHERE expires_at IS NULL OR expires_at > statement_timestamp()
    """,
    writes=False,
)

TTL = Statement(
    """
    SELECT (extract(epoch FROM expires_at - statement_timestamp()) * 1000000)::bigint FROM @.cache
    WHERE namespace = $1 AND key = $2 AND (expires_at IS NULL OR expires_at > statement_timestamp())
    """,
    writes=False,
)

# The writes: each of several keys, none of them twice; its rows say by their keys whose they are.

_ENTRIES = "unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[]) AS given (namespace, key, value, life)"

_SET = f"""
    INSERT INTO @.cache AS current (namespace, key, value, expires_at)
    SELECT namespace, key, value, {_AFTER.format("life")} FROM {_ENTRIES} ORDER BY namespace, key
    ON CONFLICT (namespace, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
"""

SET = Statement(_SET, writes=True)

SET_IF_ABSENT = Statement(f"{_SET} WHERE NOT {_LIVE} RETURNING namespace, key", writes=True)


def _locked(given: str) -> str:
    """The rows that are there of those given, locked in order."""
    return f"""
        locked AS MATERIALIZED (
            SELECT given.* FROM {given} JOIN @.cache AS current USING (namespace, key)
            ORDER BY namespace, key FOR UPDATE OF current
        )
    """


_SAME = "current.namespace = locked.namespace AND current.key = locked.key"

SET_IF_PRESENT = Statement(
    f"""
    WITH {_locked(_ENTRIES)}
    UPDATE @.cache AS current SET value = locked.value, expires_at = {_AFTER.format("locked.life")} FROM locked
    WHERE {_SAME} AND {_LIVE}
    RETURNING current.namespace, current.key
    """,
    writes=True,
)

DELETE = Statement(
    f"""
    WITH {_locked("unnest($1::bytea[], $2::bytea[]) AS given (namespace, key)")}
    DELETE FROM @.cache AS current USING locked WHERE {_SAME}
    RETURNING current.namespace, current.key, {_LIVE}
    """,
    writes=True,
)

EXPIRE = Statement(
    f"""
    WITH {_locked("unnest($1::bytea[], $2::bytea[], $3::bigint[]) AS given (namespace, key, life)")}
    UPDATE @.cache AS current SET expires_at = {_AFTER.format("locked.life")} FROM locked
    WHERE {_SAME} AND {_LIVE}
    RETURNING current.namespace, current.key
    """,
    writes=True,
)

# A row that is not a counter, or would leave the range, is left as it is: no row comes back.
INCREMENT = Statement(
    f"""
    INSERT INTO @.cache AS current (namespace, key, value, expires_at)
    SELECT namespace, key, convert_to(delta::text, 'UTF8'), {_AFTER.format("life")}
    FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[]) AS given (namespace, key, delta, life)
    ORDER BY namespace, key
    ON CONFLICT (namespace, key) DO UPDATE SET
        value = CASE WHEN {_LIVE} THEN convert_to(({_SUM})::text, 'UTF8') ELSE excluded.value END,
        expires_at = CASE WHEN {_LIVE} THEN current.expires_at ELSE excluded.expires_at END
    WHERE CASE WHEN NOT {_LIVE} THEN true WHEN {_COUNTER} THEN {_IN_RANGE} ELSE false END
    RETURNING namespace, key, value
    """,
    writes=True,
)
