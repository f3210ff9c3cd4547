-- What Queue keeps. A topic's messages are rows of a log, numbered in the order in which they are committed; a group has
-- a place in it, its cursor, and a row for each message that it was given or has passed. Nothing that is read often is
-- changed in place or searched among what is gone, so that a transaction that stays open anywhere, which keeps vacuum
-- from every dead row, makes nothing slower. Names and keys are bytea, as elsewhere; times are microseconds since 1970.

CREATE TABLE queue_secret (secret bytea NOT NULL);
INSERT INTO queue_secret SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());

CREATE TABLE queue_topic (
    number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace bytea NOT NULL,
    name bytea NOT NULL,
    span smallint NOT NULL,  -- of its partitions: see queue_spans
    partitions int NOT NULL,
    until_acknowledged bool NOT NULL,
    retention bigint NOT NULL,
    max_bytes bigint NOT NULL,
    floor bigint NOT NULL DEFAULT 0,  -- up to here the messages are gone for all groups: purged, or over max_bytes
    UNIQUE (namespace, name)
);

-- What group and topic have counted and where they are is in queue_progress.
CREATE TABLE queue_group (
    number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- another one after each Seek and Purge: all of before is void
    topic int NOT NULL,
    name bytea NOT NULL,
    epoch int NOT NULL DEFAULT 1,
    since bigint NOT NULL,  -- what was redriven up to here was so before it was made, or moved
    ack_deadline bigint NOT NULL,
    max_lease bigint NOT NULL,
    max_attempts int NOT NULL,
    backoff_min bigint NOT NULL,
    backoff_max bigint NOT NULL,
    dead_letter smallint NOT NULL,
    dead_letter_topic bytea NOT NULL,
    dead_retention bigint NOT NULL,
    expire_after_idle bigint NOT NULL,
    paused bool NOT NULL,
    UNIQUE (topic, name)
);

-- Its newest row is the group's state; the ones before are removed at leisure.
CREATE TABLE queue_progress (
    grp int NOT NULL,
    n bigint NOT NULL,
    cursor bigint NOT NULL,  -- up to here each message has an entry, or is expired, cancelled or not the group's
    ahead bigint NOT NULL,  -- beyond the cursor there are entries up to here
    floor bigint NOT NULL,  -- of the topic, as far as the group has taken it into account
    acknowledged bigint NOT NULL,
    expired bigint NOT NULL,
    removed bigint NOT NULL,  -- dead that are kept no longer
    flying int NOT NULL,
    scanned bigint NOT NULL,  -- no lease ends before
    ready bigint NOT NULL,  -- nothing that waits is due before
    used_at bigint NOT NULL,
    PRIMARY KEY (grp, n)
);

CREATE TABLE queue_log (
    span smallint NOT NULL,
    topic int NOT NULL,
    seq bigint NOT NULL,  -- the time of publishing, made unique within the topic
    upto bigint NOT NULL,  -- bytes of the topic up to this message
    size int NOT NULL,
    gone bool NOT NULL DEFAULT false,  -- cancelled: no group gets it that has it not
    due_at bigint,  -- where that is not at once
    ttl bigint,
    key bytea,
    grp int,  -- redriven, for this group alone
    message_id text,  -- where it is not made of topic and seq
    published_at bigint,  -- where it is not seq
    shown_key bytea,  -- the key of what is redriven, which orders nothing
    trace text,
    attributes bytea,  -- a QueueMessage of nothing else
    payload bytea NOT NULL,
    PRIMARY KEY (topic, seq, span)
) PARTITION BY RANGE (span, seq);
CREATE INDEX queue_log_delayed ON queue_log (topic, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX queue_log_brief ON queue_log (topic, (coalesce(due_at, seq) + ttl)) WHERE ttl IS NOT NULL;
CREATE INDEX queue_log_named ON queue_log (topic, message_id) WHERE message_id IS NOT NULL;

-- A message in a group. States: 1 waiting, 2 expired, 3 in flight, 4 acknowledged, 5 dead, 6 dead no longer.
CREATE TABLE queue_entry (
    span smallint NOT NULL,
    grp int NOT NULL,
    seq bigint NOT NULL,
    state smallint NOT NULL,
    blocked bool NOT NULL DEFAULT false,  -- one before it of its key is not done yet
    at bigint NOT NULL,  -- when it is due, or its lease ends
    failed int NOT NULL DEFAULT 0,
    token bigint NOT NULL DEFAULT 0,
    lease_from bigint NOT NULL DEFAULT 0,
    lease_until bigint NOT NULL DEFAULT 0,
    consumer bytea,
    session bytea,
    key bytea,
    PRIMARY KEY (grp, seq, span)
) PARTITION BY RANGE (span, seq);
CREATE INDEX queue_entry_flying ON queue_entry (grp, at) WHERE state = 3;
CREATE INDEX queue_entry_waiting ON queue_entry (grp, at, seq) WHERE state = 1 AND NOT blocked;
CREATE INDEX queue_entry_keys ON queue_entry (grp, key, seq) WHERE key IS NOT NULL AND state IN (1, 3);

-- The dead of groups, whole: they stay when the log has gone on.
CREATE TABLE queue_dead (
    grp int NOT NULL,
    seq bigint NOT NULL,
    message_id text NOT NULL,
    at bigint NOT NULL,
    failed int NOT NULL,
    reason bytea NOT NULL,
    published_at bigint NOT NULL,
    due_at bigint NOT NULL,
    ttl bigint,
    size int NOT NULL,
    key bytea,
    trace text,
    attributes bytea,  -- a QueueMessage of nothing else
    payload bytea NOT NULL,
    PRIMARY KEY (grp, seq)
);
CREATE INDEX queue_dead_ids ON queue_dead (grp, message_id);
CREATE INDEX queue_dead_age ON queue_dead (grp, at);

CREATE TABLE queue_idempotency (
    namespace bytea NOT NULL,
    key bytea NOT NULL,
    until bigint NOT NULL,
    fingerprint bytea NOT NULL,
    message_ids text[] NOT NULL,
    PRIMARY KEY (namespace, key)
);
CREATE INDEX queue_idempotency_age ON queue_idempotency (until);

-- Who waits for a topic elsewhere, and is to be told of a change.
CREATE UNLOGGED TABLE queue_waiter (
    topic int NOT NULL,
    listener bigint NOT NULL,
    until bigint NOT NULL,
    PRIMARY KEY (topic, listener)
);

ALTER TABLE queue_progress SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0);
