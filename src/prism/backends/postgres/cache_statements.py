"""Every SQL statement of Cache; rules for all statements of the backend are in `statements`."""
# ruff: noqa: S608  # made of constants, once, at import

from prism.backends.postgres.statements import Statement

_LIVE = "(current.expires_at IS NULL OR current.expires_at > clock_timestamp())"
_AFTER = "clock_timestamp() + {} * interval '1 microsecond'"
_COUNTER = "encode(current.value, 'escape') ~ '^(0|-?[1-9][0-9]{0,18})$'"
_SUM = "encode(current.value, 'escape')::numeric + $3"
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

_SET = f"""
    INSERT INTO @.cache AS current (namespace, key, value, expires_at)
    VALUES ($1, $2, $3, {_AFTER.format("$4::bigint")})
    ON CONFLICT (namespace, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
"""

SET = Statement(f"{_SET} RETURNING true", writes=True)

SET_IF_ABSENT = Statement(f"{_SET} WHERE NOT {_LIVE} RETURNING true", writes=True)

SET_IF_PRESENT = Statement(
    f"""
    UPDATE @.cache AS current SET value = $3, expires_at = {_AFTER.format("$4::bigint")}
    WHERE namespace = $1 AND key = $2 AND {_LIVE}
    RETURNING true
    """,
    writes=True,
)

DELETE = Statement(
    f"""
    WITH locked AS MATERIALIZED (
        SELECT namespace, key FROM @.cache WHERE namespace = $1 AND key = ANY($2::bytea[])
        ORDER BY namespace, key FOR UPDATE
    )
    DELETE FROM @.cache AS current USING locked
    WHERE current.namespace = locked.namespace AND current.key = locked.key
    RETURNING {_LIVE}
    """,
    writes=True,
)

EXPIRE = Statement(
    f"""
    UPDATE @.cache AS current SET expires_at = {_AFTER.format("$3::bigint")}
    WHERE namespace = $1 AND key = $2 AND {_LIVE}
    RETURNING true
    """,
    writes=True,
)

# A row that is not a counter, or would leave the range, is left as it is: no row comes back.
INCREMENT = Statement(
    f"""
    INSERT INTO @.cache AS current (namespace, key, value, expires_at)
    VALUES ($1, $2, convert_to($3::bigint::text, 'UTF8'), {_AFTER.format("$4::bigint")})
    ON CONFLICT (namespace, key) DO UPDATE SET
        value = CASE WHEN {_LIVE} THEN convert_to(({_SUM})::text, 'UTF8') ELSE excluded.value END,
        expires_at = CASE WHEN {_LIVE} THEN current.expires_at ELSE excluded.expires_at END
    WHERE CASE WHEN NOT {_LIVE} THEN true WHEN {_COUNTER} THEN {_IN_RANGE} ELSE false END
    RETURNING value
    """,
    writes=True,
)
