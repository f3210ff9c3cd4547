"""The statements of Transact; their functions are in `tables.sql` and `mailboxes.sql`."""

from typing import Final

from prism.backends.postgres.statements import Statement

_MAIL: Final = "m.seq, m.written_at, m.message_id, m.ordering_key, m.trace, m.attributes, m.payload"
_BOX: Final = "(SELECT b.number FROM @.mailbox AS b WHERE b.namespace = $1 AND b.name = $2)"

RECALL = Statement("SELECT fingerprint, answer FROM @.transact_recall($1, $2)", writes=True)
APPEND = Statement(
    # First how long it waits for the locks of shards: for those of rows it may have been less.
    "SELECT set_config('lock_timeout', $9, true), @.mailbox_append($1, $2, $3, $4, $5, $6, $7, $8)",
    writes=True,
)
REMEMBER = Statement(
    """
    INSERT INTO @.transact_idempotency AS kept (namespace, key, until, fingerprint, answer)
    SELECT i.namespace, i.key, @.mailbox_now() + $5, i.fingerprint, i.answer
    FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[]) AS i (namespace, key, fingerprint, answer)
    ON CONFLICT (namespace, key) DO UPDATE SET until = excluded.until, fingerprint = excluded.fingerprint,
        answer = excluded.answer WHERE kept.until <= @.mailbox_now()
    RETURNING 1
    """,
    writes=True,
)
MAKE = Statement("SELECT @.mailbox_make($1, $2, $3, $4, $5)", writes=True)
MAILBOX = Statement(
    "SELECT number, shards, retention, max_backlog FROM @.mailbox WHERE namespace = $1 AND name = $2", writes=False
)
NAMES = Statement(
    "SELECT name FROM @.mailbox WHERE namespace = $1 AND name > $2 AND substr(name, 1, length($3::bytea)) = $3 "
    "ORDER BY name LIMIT $4",
    writes=False,
)
SHARDS = Statement(
    """
    SELECT s.shard, @.mailbox_floor(b.number, s.shard, b.retention), coalesce((
        SELECT m.seq FROM @.mailbox_message AS m WHERE m.mailbox = b.number AND m.shard = s.shard
        ORDER BY m.seq DESC LIMIT 1), s.floor), @.mailbox_count(b.number, s.shard, NULL), s.floor_n
    FROM @.mailbox AS b JOIN @.mailbox_shard AS s ON s.mailbox = b.number
    WHERE b.namespace = $1 AND b.name = $2 ORDER BY s.shard
    """,
    writes=False,
)
READERS = Statement(
    f"""
    SELECT r.name, CASE WHEN r.until > @.mailbox_now() THEN r.holder ELSE '' END, r.until, r.epoch,
        (SELECT count(*) FROM @.mailbox_dead AS d WHERE d.mailbox = r.mailbox AND d.reader = r.name),
        (SELECT array_agg(ARRAY[p.position, p.n] ORDER BY p.shard) FROM @.mailbox_position AS p
         WHERE p.mailbox = r.mailbox AND p.reader = r.name)
    FROM @.mailbox_reader AS r WHERE r.mailbox = {_BOX} ORDER BY r.name
    """,  # noqa: S608
    writes=False,
)
WAITING = Statement(
    "SELECT b.number, b.name, b.max_backlog, @.mailbox_backlog(b.number) FROM @.mailbox AS b "
    "WHERE b.number = ANY ($1) AND b.max_backlog > 0",
    writes=False,
)
BACKLOG = Statement(f"SELECT @.mailbox_backlog({_BOX})", writes=False)
# One statement, so one state of the mailbox.
READ = Statement(
    f"""
    SELECT p.status, p.shards, p.floor, p.place, o.*
    FROM @.mailbox_place($1, $2, $3, $4, $5) AS p LEFT JOIN LATERAL (
        SELECT * FROM (
            SELECT {_MAIL}, sum(length(m.payload)) OVER (ORDER BY m.seq) - length(m.payload) AS before
            FROM (SELECT * FROM @.mailbox_message AS each WHERE each.mailbox = p.number AND each.shard = $3
                  AND each.seq > p.place AND p.status = 0 ORDER BY each.seq LIMIT $6) AS m
        ) AS page WHERE page.before = 0 OR page.before < $7
    ) AS o ON true ORDER BY o.seq
    """,  # noqa: S608
    writes=False,
)
ACK = Statement("SELECT * FROM @.mailbox_ack($1, $2, $3, $4, $5, $6, $7, $8, $9)", writes=True)
LEASE = Statement("SELECT * FROM @.mailbox_lease($1, $2, $3, $4, $5)", writes=True)
DELETE_READER = Statement("SELECT @.mailbox_delete_reader($1, $2, $3)", writes=True)
DEAD = Statement(
    f"""
    SELECT m.number, m.shard, m.reason, m.dead_at, m.redriven, {_MAIL} FROM @.mailbox_dead AS m
    WHERE m.mailbox = {_BOX} AND m.reader = $3 AND m.number > $4 AND m.redriven >= $5 ORDER BY m.number LIMIT $6
    """,  # noqa: S608
    writes=False,
)
_THOSE: Final = f"d.mailbox = {_BOX} AND d.reader = $3 AND (cardinality($4::text[]) = 0 OR d.message_id = ANY ($4))"
REDRIVE = Statement(
    f"WITH done AS (UPDATE @.mailbox_dead AS d SET redriven = true WHERE {_THOSE} RETURNING 1) "  # noqa: S608
    "SELECT count(*) FROM done",
    writes=True,
)
DISCARD = Statement(
    f"WITH done AS (DELETE FROM @.mailbox_dead AS d WHERE {_THOSE} RETURNING 1) SELECT count(*) FROM done",  # noqa: S608
    writes=True,
)
SWEEP = Statement("SELECT @.mailbox_sweep($1)", writes=True)
ANY_MAILBOX = Statement("SELECT EXISTS (SELECT FROM @.mailbox)", writes=False)
HOLDS_MAILBOXES = Statement("SELECT EXISTS (SELECT FROM @.mailbox WHERE namespace = $1)", writes=False)
WATCH = Statement("SELECT * FROM @.mailbox_watch($1, $2, $3, $4)", writes=True)
TELL = Statement("SELECT @.mailbox_tell($1, $2, $3)", writes=True)
CHANNEL = Statement("SELECT 'prism.mailbox.' || hashtext('@name')", writes=False)
