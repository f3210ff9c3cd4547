"""The statements of Queue: each calls a function that the schema has, so that a step of several statements is one round
trip and sees, after each lock that it waits for, what was committed meanwhile."""

from prism.backends.postgres.statements import Statement, sweep


def _call(name: str, parameters: int, *, writes: bool = True) -> Statement:
    numbered = ", ".join(f"${number}" for number in range(1, parameters + 1))
    return Statement(f"SELECT * FROM @.{name}({numbered})", writes)  # noqa: S608  # made of constants


PUBLISH = _call("queue_publish", 17)
STEP = _call("queue_step", 20)
SESSION = _call("queue_session", 8)
COMMIT = _call("queue_commit", 20)
CANCEL = _call("queue_cancel", 4)
DROP_GROUP = _call("queue_drop_group", 4)
DELETE_TOPIC = _call("queue_delete_topic", 2)
UPDATE_TOPIC = _call("queue_update_topic", 4)
PURGE = _call("queue_purge", 3)
SEEK = _call("queue_seek", 6)
DEAD_END = _call("queue_dead_end", 7)
PEEK = _call("queue_peek", 7)
OVERDUE = _call("queue_overdue", 1)
OUTLIVED = _call("queue_outlived", 0, writes=False)
DROP = _call("queue_drop", 2)
PARTITIONS = _call("queue_partitions", 0)
WATCH = _call("queue_watch", 4)

CHANNEL = Statement("SELECT 'prism.queue.' || hashtext('@name')", writes=False)
SECRET = Statement("SELECT secret FROM @.queue_secret", writes=False)
HOLDS_TOPICS = Statement("SELECT EXISTS (SELECT FROM @.queue_topic WHERE namespace = $1)", writes=False)
ANY_TOPIC = Statement("SELECT EXISTS (SELECT FROM @.queue_topic)", writes=False)

_TOPIC = "number, partitions, until_acknowledged, retention, max_bytes"
TOPIC = Statement(f"SELECT {_TOPIC} FROM @.queue_topic WHERE namespace = $1 AND name = $2", writes=False)  # noqa: S608
CREATE_TOPIC = Statement(
    """
    INSERT INTO @.queue_topic (namespace, name, partitions, until_acknowledged, retention, max_bytes, span)
    VALUES ($1, $2, $3, $4, $5, $6, @.queue_span($5)) ON CONFLICT (namespace, name) DO NOTHING RETURNING number
    """,
    writes=True,
)
USAGE = Statement(
    """
    SELECT count(*), coalesce(sum(l.size), 0)::bigint
    FROM @.queue_topic AS t JOIN @.queue_log AS l ON l.span = t.span AND l.topic = t.number
    WHERE t.number = $1 AND l.seq > t.floor AND NOT l.gone AND l.grp IS NULL
        AND coalesce(l.due_at, l.seq) + least(coalesce(l.ttl, t.retention), t.retention) > @.queue_now()
    """,
    writes=False,
)
TOPICS = Statement(
    """
    SELECT name FROM @.queue_topic
    WHERE namespace = $1 AND name > $2 AND substring(name FROM 1 FOR length($3::bytea)) = $3 ORDER BY name LIMIT $4
    """,
    writes=False,
)
GROUPS = Statement("SELECT name FROM @.queue_group WHERE topic = $1 ORDER BY name", writes=False)

GROUP_COLUMNS = (
    "ack_deadline, max_lease, max_attempts, backoff_min, backoff_max, dead_letter, dead_letter_topic, dead_retention, "
    "expire_after_idle, paused"
)
GROUP = Statement(
    f"""
    SELECT t.number, g.number, {GROUP_COLUMNS}
    FROM @.queue_topic AS t LEFT JOIN @.queue_group AS g ON g.topic = t.number AND g.name = $3
    WHERE t.namespace = $1 AND t.name = $2
    """,  # noqa: S608
    writes=False,
)
UPDATE_GROUP = Statement(
    f"""
    UPDATE @.queue_group SET ({GROUP_COLUMNS}) = ($12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
    WHERE number = $1 AND ({GROUP_COLUMNS}) = ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    RETURNING topic, @.queue_tell(topic, $22, true)
    """,  # noqa: S608
    writes=True,
)
_MADE = ", ".join(f"(made).{column}" for column in GROUP_COLUMNS.split(", "))
CREATE_GROUP = Statement(
    f"SELECT status, created, {_MADE} FROM @.queue_create_group($1, $2, $3, $4, $5, $6, $7, $8, $9)",  # noqa: S608
    writes=True,
)
DESCRIBE = Statement(
    f"""
    SELECT status, waiting, delayed, dead, oldest, consumers, flying, (progress).acknowledged, (progress).expired,
        (progress).removed, (made).epoch, {_MADE}
    FROM @.queue_describe($1, $2, $3, $4, $5)
    """,  # noqa: S608
    writes=True,
)
FORGET = sweep("queue_idempotency", "namespace, key", "until <= @.queue_now()")
