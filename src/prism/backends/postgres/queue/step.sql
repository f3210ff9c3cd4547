-- What consumers of a group do, one instance's after the other under the group's lock: settle, claim, come and go.

-- A group that is locked until the end of the transaction, with its topic and its state; status 1: the topic is
-- missing, 2: the group is.
CREATE FUNCTION @.queue_enter(
    p_space bytea, p_topic bytea, p_group bytea, OUT status int, OUT topic @.queue_topic, OUT grp @.queue_group,
    OUT progress @.queue_progress
) LANGUAGE plpgsql AS $$
DECLARE
    v_number int;
    v_topic @.queue_topic;
    v_group @.queue_group;
BEGIN
    status := 0;
    LOOP
        SELECT * INTO v_topic FROM @.queue_topic AS t WHERE t.namespace = p_space AND t.name = p_topic;
        IF NOT FOUND THEN
            status := 1;
            RETURN;
        END IF;
        SELECT * INTO v_group FROM @.queue_group AS g WHERE g.topic = v_topic.number AND g.name = p_group;
        IF NOT FOUND THEN
            status := 2;
            RETURN;
        END IF;
        EXIT WHEN v_group.number = v_number;
        v_number := v_group.number;
        PERFORM pg_advisory_xact_lock(hashtext('prism.queue.group.@name'), v_number);
    END LOOP;
    topic := v_topic;
    grp := v_group;
    SELECT * INTO progress FROM @.queue_progress AS p WHERE p.grp = v_number ORDER BY p.n DESC LIMIT 1;
END $$;

-- Keeps the state of a locked group. Rows of before are removed in ranges, never searched for.
CREATE FUNCTION @.queue_keep(p_progress @.queue_progress) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    p_progress.n := p_progress.n + 1;
    INSERT INTO @.queue_progress SELECT p_progress.*;
    IF p_progress.n % 256 = 0 THEN
        DELETE FROM @.queue_progress
        WHERE grp = p_progress.grp AND n < p_progress.n - 16 AND n >= p_progress.n - 528;
    END IF;
END $$;

-- The next one of a key may come.
CREATE FUNCTION @.queue_unblock(p_topic @.queue_topic, p_progress @.queue_progress, p_key bytea, p_seq bigint)
RETURNS @.queue_progress LANGUAGE plpgsql AS $$
DECLARE
    v_at bigint;
BEGIN
    UPDATE @.queue_entry SET blocked = false
    WHERE span = p_topic.span AND grp = p_progress.grp AND blocked AND seq = (
        SELECT seq FROM @.queue_entry
        WHERE span = p_topic.span AND grp = p_progress.grp AND key = p_key AND state IN (1, 3) AND seq > p_seq
        ORDER BY seq LIMIT 1)
    RETURNING at INTO v_at;
    p_progress.ready := least(p_progress.ready, v_at);
    RETURN p_progress;
END $$;

-- With UNTIL_ACKNOWLEDGED a message goes when no group needs it. Two groups that end with it look one after the other.
CREATE FUNCTION @.queue_done(p_topic @.queue_topic, p_group int, p_cursor bigint, p_seqs bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM @.queue_lock_topic(p_topic.number);
    DELETE FROM @.queue_log AS l
    WHERE l.span = p_topic.span AND l.topic = p_topic.number AND l.seq = ANY (p_seqs) AND NOT EXISTS (
        SELECT FROM @.queue_group AS g WHERE g.topic = p_topic.number AND (
            l.seq > CASE WHEN g.number = p_group THEN p_cursor ELSE (
                SELECT p.cursor FROM @.queue_progress AS p WHERE p.grp = g.number ORDER BY p.n DESC LIMIT 1) END
            OR EXISTS (SELECT FROM @.queue_entry AS e
                       WHERE e.span = p_topic.span AND e.grp = g.number AND e.seq = l.seq AND e.state IN (1, 3, 5))));
END $$;

-- A name and a value as QueueMessage.attributes has them; appended, they win over the ones before.
CREATE FUNCTION @.queue_attribute(name text, value bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_name bytea := convert_to(name, 'UTF8');
    v_entry bytea;
BEGIN
    v_entry := '\x0a'::bytea || @.queue_varint(length(v_name)) || v_name
        || '\x12'::bytea || @.queue_varint(length(value)) || value;
    RETURN '\x22'::bytea || @.queue_varint(length(v_entry)) || v_entry;
END $$;
CREATE FUNCTION @.queue_varint(n int) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN n < 128 THEN set_byte('\x00'::bytea, 0, n)
        ELSE set_byte(set_byte('\x0000'::bytea, 0, n % 128 + 128), 1, n / 128) END
$$;

-- An attempt has failed: it comes again, or is dead.
CREATE FUNCTION @.queue_fail(
    p_topic @.queue_topic, p_group @.queue_group, p_progress @.queue_progress, p_entry @.queue_entry, p_again bigint,
    p_reason bytea, p_dead bool, p_listener bigint
) RETURNS @.queue_progress LANGUAGE plpgsql AS $$
DECLARE
    v_failed int := p_entry.failed + 1;
    v_now bigint := @.queue_now();
    v_state int := 5;
    v_log @.queue_log;
    v_other @.queue_topic;
BEGIN
    p_progress.flying := p_progress.flying - 1;
    IF NOT p_dead AND (p_group.max_attempts = 0 OR v_failed < p_group.max_attempts) THEN
        UPDATE @.queue_entry SET state = 1, at = p_again, failed = v_failed, token = 0, consumer = NULL, session = NULL
        WHERE span = p_topic.span AND grp = p_entry.grp AND seq = p_entry.seq;
        p_progress.ready := least(p_progress.ready, p_again);
        RETURN p_progress;
    END IF;
    SELECT * INTO v_log FROM @.queue_log
    WHERE span = p_topic.span AND topic = p_topic.number AND seq = p_entry.seq;
    IF p_group.dead_letter = 1 THEN
        INSERT INTO @.queue_dead (grp, seq, message_id, at, failed, reason, published_at, due_at, ttl, size, key, trace,
            attributes, payload)
        VALUES (p_entry.grp, p_entry.seq, coalesce(v_log.message_id, @.queue_id(p_topic.number, v_log.seq)), v_now,
            v_failed, p_reason, coalesce(v_log.published_at, v_log.seq), coalesce(v_log.due_at, v_log.seq), v_log.ttl,
            v_log.size, coalesce(v_log.key, v_log.shown_key), v_log.trace, v_log.attributes, v_log.payload);
    ELSE
        v_state := 6;
        p_progress.removed := p_progress.removed + 1;
        IF p_group.dead_letter = 3 THEN
            LOOP
                v_other := @.queue_lock_topic(
                    @.queue_ensure_topic(p_topic.namespace, p_group.dead_letter_topic, true));
                EXIT WHEN v_other.number IS NOT NULL;
            END LOOP;
            PERFORM @.queue_append(v_other, 1, ARRAY[1], NULL, ARRAY[v_log.payload], ARRAY[
                coalesce(v_log.attributes, '')
                || @.queue_attribute('prism-dead-topic', p_topic.name)
                || @.queue_attribute('prism-dead-group', p_group.name)
                || @.queue_attribute('prism-dead-reason', p_reason)
                || @.queue_attribute('prism-dead-attempts', convert_to(v_failed::text, 'UTF8'))
                || @.queue_attribute('prism-dead-published-at',
                    convert_to(coalesce(v_log.published_at, v_log.seq)::text, 'UTF8'))
                || @.queue_attribute('prism-dead-at', convert_to(v_now::text, 'UTF8'))],
                ARRAY[coalesce(v_log.key, v_log.shown_key)], NULL, NULL, NULL, ARRAY[v_log.size], ARRAY[v_log.trace],
                NULL, ARRAY[coalesce(v_log.message_id, @.queue_id(p_topic.number, v_log.seq))]);
            PERFORM @.queue_tell(v_other.number, -1);  -- ours, too: the caller wakes those of its topic alone
        END IF;
    END IF;
    UPDATE @.queue_entry SET state = v_state, failed = v_failed, token = 0, at = v_now
    WHERE span = p_topic.span AND grp = p_entry.grp AND seq = p_entry.seq;
    IF p_entry.key IS NOT NULL THEN
        p_progress := @.queue_unblock(p_topic, p_progress, p_entry.key, p_entry.seq);
    END IF;
    IF v_state = 6 AND p_topic.until_acknowledged THEN
        PERFORM @.queue_done(p_topic, p_group.number, p_progress.cursor, ARRAY[p_entry.seq]);
    END IF;
    RETURN p_progress;
END $$;

-- What time has done to a locked group. p_all: also to what no claim has come to, which takes a look at all of it.
CREATE FUNCTION @.queue_tidy(
    p_topic @.queue_topic, p_group @.queue_group, p_progress @.queue_progress, p_all bool, p_listener bigint
) RETURNS @.queue_progress LANGUAGE plpgsql AS $$
DECLARE
    v_now bigint := @.queue_now();
    v_entry @.queue_entry;
    v_each record;
    v_count int := 0;
BEGIN
    IF p_progress.flying > 0 AND (p_all OR v_now - p_progress.scanned >= least(p_group.ack_deadline / 8, 250000)) THEN
        FOR v_entry IN
            SELECT * FROM @.queue_entry
            WHERE span = p_topic.span AND grp = p_group.number AND state = 3 AND at > p_progress.scanned
                AND at <= v_now ORDER BY at LIMIT 1000
        LOOP
            p_progress := @.queue_fail(p_topic, p_group, p_progress, v_entry, v_now, CASE
                WHEN coalesce(v_entry.session, '') = '' THEN 'its consumer is gone'::bytea
                ELSE 'its deadline passed'::bytea END, false, p_listener);
            v_count := v_count + 1;
        END LOOP;
        p_progress.scanned := CASE WHEN v_count < 1000 THEN v_now ELSE v_entry.at - 1 END;
    END IF;
    IF p_topic.floor > p_progress.floor THEN
        FOR v_entry IN
            UPDATE @.queue_entry SET state = 2
            WHERE span = p_topic.span AND grp = p_group.number AND state IN (1, 3) AND seq <= p_topic.floor
                AND seq > p_progress.floor
            RETURNING *
        LOOP
            p_progress.expired := p_progress.expired + 1;
            IF v_entry.consumer IS NOT NULL THEN
                p_progress.flying := p_progress.flying - 1;
            END IF;
            IF v_entry.key IS NOT NULL THEN
                p_progress := @.queue_unblock(p_topic, p_progress, v_entry.key, v_entry.seq);
            END IF;
        END LOOP;
        IF p_topic.floor > p_progress.cursor THEN
            SELECT count(*) INTO v_count FROM @.queue_log AS l
            WHERE l.span = p_topic.span AND l.topic = p_topic.number AND l.seq > p_progress.cursor
                AND l.seq <= p_topic.floor AND NOT l.gone
                AND (l.grp IS NULL OR (l.grp = p_group.number AND l.seq > p_group.since))
                AND NOT EXISTS (SELECT FROM @.queue_entry AS e
                                WHERE e.span = p_topic.span AND e.grp = p_group.number AND e.seq = l.seq);
            p_progress.expired := p_progress.expired + v_count;
            p_progress.cursor := p_topic.floor;
        END IF;
        p_progress.floor := p_topic.floor;
    END IF;
    IF NOT p_all THEN
        RETURN p_progress;
    END IF;
    FOR v_entry IN
        SELECT e.* FROM (
            (SELECT * FROM @.queue_entry
            WHERE span = p_topic.span AND grp = p_group.number AND state = 1 AND NOT blocked
                AND at >= p_progress.ready ORDER BY at LIMIT 1000)
            UNION ALL
            (SELECT * FROM @.queue_entry
            WHERE span = p_topic.span AND grp = p_group.number AND key IS NOT NULL AND state IN (1, 3) AND blocked
            LIMIT 1000)
        ) AS e, LATERAL (
            SELECT * FROM @.queue_log WHERE span = p_topic.span AND topic = p_topic.number AND seq = e.seq OFFSET 0
        ) AS l
        WHERE coalesce(l.due_at, l.seq) + least(coalesce(l.ttl, p_topic.retention), p_topic.retention) <= v_now
    LOOP
        UPDATE @.queue_entry SET state = 2
        WHERE span = p_topic.span AND grp = p_group.number AND seq = v_entry.seq;
        p_progress.expired := p_progress.expired + 1;
        IF v_entry.key IS NOT NULL THEN
            p_progress := @.queue_unblock(p_topic, p_progress, v_entry.key, v_entry.seq);
        END IF;
    END LOOP;
    -- What has expired at the cursor is passed; what has expired beyond it is noted.
    FOR v_each IN
        SELECT l.seq, l.due_at, l.ttl, l.key, l.gone
            OR (l.grp IS NOT NULL AND (l.grp <> p_group.number OR l.seq <= p_group.since))
            OR (l.seq <= p_progress.ahead AND EXISTS (
                SELECT FROM @.queue_entry AS e
                WHERE e.span = p_topic.span AND e.grp = p_group.number AND e.seq = l.seq)) AS foreign_
        FROM @.queue_log AS l
        WHERE l.span = p_topic.span AND l.topic = p_topic.number AND l.seq > p_progress.cursor
        ORDER BY l.seq LIMIT 1000
    LOOP
        IF v_each.foreign_ THEN
            NULL;
        ELSIF coalesce(v_each.due_at, v_each.seq)
            + least(coalesce(v_each.ttl, p_topic.retention), p_topic.retention) <= v_now
        THEN
            p_progress.expired := p_progress.expired + 1;
        ELSIF v_each.due_at IS NOT NULL THEN
            INSERT INTO @.queue_entry (span, grp, seq, state, at, key)
            VALUES (p_topic.span, p_group.number, v_each.seq, 1, v_each.due_at, v_each.key);
            p_progress.ready := least(p_progress.ready, v_each.due_at);
        ELSE
            EXIT;
        END IF;
        p_progress.cursor := v_each.seq;
    END LOOP;
    FOR v_each IN
        SELECT l.seq FROM @.queue_log AS l
        WHERE l.span = p_topic.span AND l.topic = p_topic.number AND l.ttl IS NOT NULL
            AND coalesce(l.due_at, l.seq) + l.ttl <= v_now AND l.seq > p_progress.cursor AND NOT l.gone
            AND (l.grp IS NULL OR (l.grp = p_group.number AND l.seq > p_group.since))
            AND NOT EXISTS (SELECT FROM @.queue_entry AS e
                            WHERE e.span = p_topic.span AND e.grp = p_group.number AND e.seq = l.seq)
        LIMIT 1000
    LOOP
        INSERT INTO @.queue_entry (span, grp, seq, state, at) VALUES (p_topic.span, p_group.number, v_each.seq, 2, v_now);
        p_progress.expired := p_progress.expired + 1;
        p_progress.ahead := greatest(p_progress.ahead, v_each.seq);
    END LOOP;
    RETURN p_progress;
END $$;

-- Settles deliveries of a locked group, each lease once: those of p_acks, then the others in their order. Verbs: 2 nack,
-- 3 release, 4 extend, 5 restart. Answers which acknowledgements are lost, and the microseconds left of the others, NULL
-- where they are. Entries are found by their seq, one by one: `+ 0` keeps the index of what is in flight out of it, and
-- a join might begin with all that the group has. A token is of one delivery only, so it needs no pairing with its seq.
CREATE FUNCTION @.queue_settle(
    p_topic @.queue_topic, p_group @.queue_group, INOUT progress @.queue_progress, p_ack_seqs bigint[],
    p_ack_tokens bigint[], p_seqs bigint[], p_tokens bigint[], p_verbs int[], p_delays bigint[], p_reasons bytea[],
    p_dead bool[], p_listener bigint, OUT lost int[], OUT remains bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
    v_now bigint := @.queue_now();
    v_count int;
    v_low bigint;
    v_high bigint;
    v_keyed bigint[];
    v_seqs bigint[];
    v_key bytea;
    v_entry @.queue_entry;
    v_wait bigint;
BEGIN
    lost := '{}';
    remains := '{}';
    IF cardinality(p_ack_seqs) > 0 THEN
        SELECT min(seq), max(seq) INTO v_low, v_high FROM unnest(p_ack_seqs) AS seq;
        WITH done AS (
            UPDATE @.queue_entry AS e SET state = 4
            WHERE e.span = p_topic.span AND e.grp = p_group.number AND e.seq = ANY (p_ack_seqs)
                AND e.seq BETWEEN v_low AND v_high AND e.token = ANY (p_ack_tokens)
                AND e.state + 0 = 3 AND e.at + 0 > v_now
            RETURNING e.seq, e.key
        )
        SELECT count(*), array_agg(seq) FILTER (WHERE key IS NOT NULL),
            CASE WHEN p_topic.until_acknowledged THEN array_agg(seq) END
        INTO v_count, v_keyed, v_seqs FROM done;
        progress.acknowledged := progress.acknowledged + v_count;
        progress.flying := progress.flying - v_count;
        IF v_count < cardinality(p_ack_seqs) THEN
            SELECT coalesce(array_agg(m.n::int), '{}') INTO lost
            FROM unnest(p_ack_seqs, p_ack_tokens) WITH ORDINALITY AS m (seq, token, n)
            WHERE NOT EXISTS (
                SELECT FROM @.queue_entry AS e
                WHERE e.span = p_topic.span AND e.grp = p_group.number AND e.seq = m.seq AND e.token = m.token
                    AND e.state = 4);
        END IF;
        IF v_keyed IS NOT NULL THEN
            FOR i IN 1 .. cardinality(v_keyed) LOOP
                SELECT key INTO v_key FROM @.queue_entry
                WHERE span = p_topic.span AND grp = p_group.number AND seq = v_keyed[i];
                progress := @.queue_unblock(p_topic, progress, v_key, v_keyed[i]);
            END LOOP;
        END IF;
        IF v_seqs IS NOT NULL THEN
            PERFORM @.queue_done(p_topic, p_group.number, progress.cursor, v_seqs);
        END IF;
    END IF;
    FOR i IN 1 .. coalesce(cardinality(p_seqs), 0) LOOP
        SELECT * INTO v_entry FROM @.queue_entry
        WHERE span = p_topic.span AND grp = p_group.number AND seq = p_seqs[i] AND token = p_tokens[i] AND state + 0 = 3
            AND at + 0 > v_now;
        IF NOT FOUND THEN
            remains := remains || NULL::bigint;
        ELSIF p_verbs[i] = 2 THEN
            v_wait := p_delays[i];
            IF v_wait IS NULL THEN
                v_wait := least(p_group.backoff_min::numeric * 2 ^ least(v_entry.failed, 40),
                    greatest(p_group.backoff_max, p_group.backoff_min));
                v_wait := v_wait + (v_wait * 0.1 * random())::bigint;
            END IF;
            progress := @.queue_fail(p_topic, p_group, progress, v_entry, v_now + v_wait, p_reasons[i], p_dead[i],
                p_listener);
            remains := remains || 0::bigint;
        ELSIF p_verbs[i] = 3 THEN
            UPDATE @.queue_entry
            SET state = 1, at = lease_from, token = 0, consumer = NULL, session = NULL
            WHERE span = p_topic.span AND grp = p_group.number AND seq = p_seqs[i];
            progress.flying := progress.flying - 1;
            progress.ready := least(progress.ready, v_entry.lease_from);
            remains := remains || 0::bigint;
        ELSE
            IF p_verbs[i] = 5 THEN
                v_entry.lease_from := v_now;
            END IF;
            v_wait := greatest(
                least(v_now + p_group.ack_deadline, v_entry.lease_from + p_group.max_lease), progress.scanned + 1);
            UPDATE @.queue_entry SET at = v_wait, lease_until = v_wait, lease_from = v_entry.lease_from
            WHERE span = p_topic.span AND grp = p_group.number AND seq = p_seqs[i];
            remains := remains || (v_wait - v_now);
        END IF;
    END LOOP;
END $$;

-- One step of an instance with a group: it settles, and claims for several consumers by turns. Answers one row (0, 0,
-- microseconds until there is more to do, epoch), a row (1, n) for each lost acknowledgement and (2, n, left) for each
-- other settlement, and a row (3, consumer, ..) for each message; or (-1) where the topic, (-2) where the group is missing.
CREATE FUNCTION @.queue_step(
    p_space bytea, p_topic bytea, p_group bytea, p_ack_seqs bigint[], p_ack_tokens bigint[], p_seqs bigint[],
    p_tokens bigint[], p_verbs int[], p_delays bigint[], p_reasons bytea[], p_dead bool[], p_limits int[],
    p_rooms bigint[], p_alone bool[], p_consumers bytea[], p_sessions bytea[], p_token bigint, p_most int, p_all bool,
    p_listener bigint
) RETURNS TABLE (
    kind int, n int, remains bigint, seq bigint, token bigint, attempt int, size int, due_at bigint, ttl bigint,
    key bytea, message_id text, published_at bigint, trace text, attributes bytea, payload bytea
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_in record;
    v_done record;
    v_topic @.queue_topic;
    v_group @.queue_group;
    v_p @.queue_progress;
    v_now bigint;
    v_until bigint;
    v_row record;
    v_wants int := coalesce(cardinality(p_limits), 0);
    v_room int := 0;
    v_w int := 0;
    v_who int;
    v_chunk int;
    v_seen int;
    v_again bool;
    v_more bool := false;
    v_taken int := 0;
    v_wait bigint;
    v_at bigint;
    v_new_seqs bigint[] := '{}';
    v_new_who int[] := '{}';
    v_new_keys bytea[] := '{}';
    v_new_tokens bigint[] := '{}';
    v_old_seqs bigint[] := '{}';
    v_old_who int[] := '{}';
    v_old_tokens bigint[] := '{}';
BEGIN
    SELECT * INTO v_in FROM @.queue_enter(p_space, p_topic, p_group);
    IF v_in.status <> 0 THEN
        kind := -v_in.status;
        RETURN NEXT;
        RETURN;
    END IF;
    v_topic := v_in.topic;
    v_group := v_in.grp;
    v_p := v_in.progress;
    IF coalesce(cardinality(p_ack_seqs), 0) + coalesce(cardinality(p_seqs), 0) > 0 THEN
        SELECT * INTO v_done FROM @.queue_settle(v_topic, v_group, v_p, p_ack_seqs, p_ack_tokens, p_seqs, p_tokens,
            p_verbs, p_delays, p_reasons, p_dead, p_listener);
        v_p := v_done.progress;
        RETURN QUERY SELECT 1, m.n, NULL::bigint, NULL::bigint, NULL::bigint, NULL::int, NULL::int, NULL::bigint,
            NULL::bigint, NULL::bytea, NULL::text, NULL::bigint, NULL::text, NULL::bytea, NULL::bytea
        FROM unnest(v_done.lost) AS m (n);
        RETURN QUERY SELECT 2, m.n::int, m.left_over, NULL::bigint, NULL::bigint, NULL::int, NULL::int, NULL::bigint,
            NULL::bigint, NULL::bytea, NULL::text, NULL::bigint, NULL::text, NULL::bytea, NULL::bytea
        FROM unnest(v_done.remains) WITH ORDINALITY AS m (left_over, n);
    END IF;
    v_p := @.queue_tidy(v_topic, v_group, v_p, p_all, p_listener);
    v_now := @.queue_now();
    v_until := greatest(v_now + v_group.ack_deadline, v_p.scanned + 1);
    IF NOT v_group.paused THEN
        FOR i IN 1 .. v_wants LOOP
            v_room := v_room + p_limits[i];
        END LOOP;
        v_room := least(v_room, p_most - v_p.flying);
    END IF;
    v_chunk := v_room + 8;
    WHILE v_room > 0 LOOP
        v_seen := 0;
        v_again := false;
        FOR v_row IN
            SELECT * FROM (
                (SELECT true AS known, e.at, e.seq, e.failed, l.size, l.due_at, l.ttl, e.key, l.shown_key, l.message_id,
                    l.published_at, l.trace, l.attributes, l.payload, false AS gone, l.grp
                FROM (
                    SELECT e.at, e.seq, e.failed, e.key FROM @.queue_entry AS e
                    WHERE e.span = v_topic.span AND e.grp = v_group.number AND e.state = 1 AND NOT e.blocked
                        AND e.at >= v_p.ready AND e.at <= v_now
                    ORDER BY e.at, e.seq LIMIT v_chunk
                ) AS e, LATERAL (
                    SELECT * FROM @.queue_log
                    WHERE span = v_topic.span AND topic = v_topic.number AND seq = e.seq OFFSET 0
                ) AS l)
                UNION ALL
                (SELECT false, l.seq, l.seq, 0, l.size, l.due_at, l.ttl, l.key, l.shown_key, l.message_id,
                    l.published_at, l.trace, l.attributes, l.payload, l.gone, l.grp
                FROM @.queue_log AS l
                WHERE l.span = v_topic.span AND l.topic = v_topic.number AND l.seq > v_p.cursor
                ORDER BY l.seq LIMIT v_chunk)
            ) AS found ORDER BY at, seq
        LOOP
            v_more := true;
            v_seen := v_seen + 1;
            IF NOT v_row.known THEN
                IF v_row.gone OR (v_row.grp IS NOT NULL AND (v_row.grp <> v_group.number OR v_row.seq <= v_group.since))
                    OR (v_row.seq <= v_p.ahead AND EXISTS (
                        SELECT FROM @.queue_entry
                        WHERE span = v_topic.span AND grp = v_group.number AND seq = v_row.seq))
                THEN
                    v_p.cursor := v_row.seq;
                    CONTINUE;
                END IF;
            END IF;
            IF coalesce(v_row.due_at, v_row.seq)
                + least(coalesce(v_row.ttl, v_topic.retention), v_topic.retention) <= v_now
            THEN
                v_p.expired := v_p.expired + 1;
                IF v_row.known THEN
                    UPDATE @.queue_entry SET state = 2
                    WHERE span = v_topic.span AND grp = v_group.number AND seq = v_row.seq;
                    IF v_row.key IS NOT NULL THEN
                        v_p := @.queue_unblock(v_topic, v_p, v_row.key, v_row.seq);
                    END IF;
                ELSE
                    v_p.cursor := v_row.seq;
                END IF;
                CONTINUE;
            END IF;
            IF NOT v_row.known AND v_row.due_at IS NOT NULL THEN
                INSERT INTO @.queue_entry (span, grp, seq, state, at, key)
                VALUES (v_topic.span, v_group.number, v_row.seq, 1, v_row.due_at, v_row.key);
                v_p.ready := least(v_p.ready, v_row.due_at);
                v_p.cursor := v_row.seq;
                IF v_row.due_at <= v_now THEN
                    v_again := true;
                    EXIT;
                END IF;
                CONTINUE;
            END IF;
            IF NOT v_row.known AND v_row.key IS NOT NULL AND (v_row.key = ANY (v_new_keys) OR EXISTS (
                SELECT FROM @.queue_entry
                WHERE span = v_topic.span AND grp = v_group.number AND key = v_row.key AND state IN (1, 3)))
            THEN
                INSERT INTO @.queue_entry (span, grp, seq, state, blocked, at, key)
                VALUES (v_topic.span, v_group.number, v_row.seq, 1, true, v_row.seq, v_row.key);
                v_p.cursor := v_row.seq;
                CONTINUE;
            END IF;
            v_who := 0;
            FOR i IN 1 .. v_wants LOOP
                v_w := v_w % v_wants + 1;
                IF p_limits[v_w] > 0 AND (v_row.size <= p_rooms[v_w] OR p_alone[v_w]) THEN
                    v_who := v_w;
                    EXIT;
                END IF;
            END LOOP;
            IF v_who = 0 THEN
                v_room := 0;
                EXIT;
            END IF;
            p_limits[v_who] := p_limits[v_who] - 1;
            p_rooms[v_who] := p_rooms[v_who] - v_row.size;
            p_alone[v_who] := false;
            v_room := v_room - 1;
            v_taken := v_taken + 1;
            token := (p_token + v_taken) & 9223372036854775807;
            IF v_row.known THEN
                v_old_seqs := v_old_seqs || v_row.seq;
                v_old_who := v_old_who || v_who;
                v_old_tokens := v_old_tokens || token;
                v_p.ready := v_row.at;
            ELSE
                v_new_seqs := v_new_seqs || v_row.seq;
                v_new_who := v_new_who || v_who;
                v_new_tokens := v_new_tokens || token;
                v_new_keys := v_new_keys || v_row.key;
                v_p.cursor := v_row.seq;
            END IF;
            kind := 3;
            n := v_who;
            remains := v_until - v_now;
            seq := v_row.seq;
            attempt := v_row.failed + 1;
            size := v_row.size;
            due_at := v_row.due_at;
            ttl := v_row.ttl;
            key := coalesce(v_row.key, v_row.shown_key);
            message_id := coalesce(v_row.message_id, @.queue_id(v_topic.number, v_row.seq));
            published_at := coalesce(v_row.published_at, v_row.seq);
            trace := v_row.trace;
            attributes := v_row.attributes;
            payload := v_row.payload;
            RETURN NEXT;
            EXIT WHEN v_room = 0;
        END LOOP;
        FOR i IN 1 .. cardinality(v_old_seqs) LOOP
            UPDATE @.queue_entry
            SET state = 3, at = v_until, token = v_old_tokens[i], lease_from = v_now, lease_until = v_until,
                consumer = p_consumers[v_old_who[i]], session = p_sessions[v_old_who[i]]
            WHERE span = v_topic.span AND grp = v_group.number AND seq = v_old_seqs[i];
        END LOOP;
        IF cardinality(v_new_seqs) > 0 THEN
            INSERT INTO @.queue_entry (span, grp, seq, state, at, token, lease_from, lease_until, consumer, session, key)
            SELECT v_topic.span, v_group.number, m.seq, 3, v_until, m.token, v_now, v_until, p_consumers[m.who],
                p_sessions[m.who], m.key
            FROM unnest(v_new_seqs, v_new_who, v_new_tokens, v_new_keys) AS m (seq, who, token, key);
        END IF;
        v_old_seqs := '{}'; v_old_who := '{}'; v_old_tokens := '{}';
        v_new_seqs := '{}'; v_new_who := '{}'; v_new_tokens := '{}'; v_new_keys := '{}';
        EXIT WHEN v_room <= 0 OR NOT (v_again OR v_seen >= v_chunk);
        v_chunk := least(v_chunk * 4, 1000);
        EXIT WHEN v_taken > 0 AND NOT v_again;
    END LOOP;
    v_p.flying := v_p.flying + v_taken;
    IF v_group.expire_after_idle > 0 AND v_wants > 0
        AND v_p.used_at < v_now - least(v_group.expire_after_idle / 4, 1000000)
    THEN
        v_p.used_at := v_now;
    END IF;
    IF NOT v_group.paused AND v_wants > 0 THEN
        SELECT at INTO v_at FROM @.queue_entry AS e
        WHERE e.span = v_topic.span AND e.grp = v_group.number AND e.state = 1 AND NOT e.blocked AND e.at >= v_p.ready
        ORDER BY e.at LIMIT 1;
        IF v_p.ready < v_now OR v_at IS NULL THEN
            v_p.ready := coalesce(v_at, 9223372036854775807);
        END IF;
        v_wait := v_at - v_now;
        IF v_p.flying > 0 THEN
            v_wait := least(v_wait, greatest(least(v_group.ack_deadline / 4, 1000000), 20000));
        END IF;
        IF EXISTS (SELECT FROM @.queue_log AS l WHERE l.span = v_topic.span AND l.topic = v_topic.number
                   AND l.seq > v_p.cursor) THEN
            v_wait := 0;
        END IF;
    END IF;
    IF v_p IS DISTINCT FROM v_in.progress THEN
        IF v_p.ready < (v_in.progress).ready AND coalesce(cardinality(p_seqs), 0) + coalesce(cardinality(p_ack_seqs), 0) > 0
        THEN
            PERFORM @.queue_tell(v_topic.number, p_listener);
        END IF;
        PERFORM @.queue_keep(v_p);
    END IF;
    kind := 0;
    n := v_group.epoch;
    remains := CASE WHEN v_wait IS NOT NULL THEN greatest(v_wait, 0) END;  -- greatest passes over NULL
    seq := (v_p.ready < (v_in.progress).ready OR (v_in.progress).flying >= p_most)::int;
    token := NULL; attempt := NULL; size := NULL; due_at := NULL; ttl := NULL; key := NULL;
    message_id := NULL; published_at := NULL; trace := NULL; attributes := NULL; payload := NULL;
    RETURN NEXT;
END $$;

-- What a stream has: 1 is released, 2 kept for p_window for the next one of its consumer, 3 taken over by it. Answers the
-- messages that were taken over, or (-1), (-2) as above.
CREATE FUNCTION @.queue_session(
    p_space bytea, p_topic bytea, p_group bytea, p_verb int, p_session bytea, p_consumer bytea, p_window bigint,
    p_listener bigint
) RETURNS TABLE (kind int, seq bigint, token bigint, size int, remains bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_in record;
    v_topic @.queue_topic;
    v_group @.queue_group;
    v_p @.queue_progress;
    v_now bigint;
    v_entry @.queue_entry;
BEGIN
    SELECT * INTO v_in FROM @.queue_enter(p_space, p_topic, p_group);
    IF v_in.status <> 0 THEN
        kind := -v_in.status;
        RETURN NEXT;
        RETURN;
    END IF;
    v_topic := v_in.topic;
    v_group := v_in.grp;
    v_p := v_in.progress;
    v_now := @.queue_now();
    kind := 0;
    FOR v_entry IN
        SELECT * FROM @.queue_entry
        WHERE span = v_topic.span AND grp = v_group.number AND state = 3 AND at > v_p.scanned AND CASE
            WHEN p_verb = 3 THEN consumer = p_consumer AND session = '' AND at > v_now ELSE session = p_session END
        ORDER BY seq + 0  -- not by an index: it would be gone through from the group's first entry
    LOOP
        IF p_verb = 1 THEN
            UPDATE @.queue_entry SET state = 1, at = lease_from, token = 0, consumer = NULL, session = NULL
            WHERE span = v_topic.span AND grp = v_group.number AND seq = v_entry.seq;
            v_p.flying := v_p.flying - 1;
            v_p.ready := least(v_p.ready, v_entry.lease_from);
        ELSIF p_verb = 2 THEN
            UPDATE @.queue_entry
            SET session = '', at = greatest(least(lease_until, v_now + p_window), v_p.scanned + 1)
            WHERE span = v_topic.span AND grp = v_group.number AND seq = v_entry.seq;
        ELSE
            UPDATE @.queue_entry SET session = p_session, at = greatest(lease_until, v_p.scanned + 1)
            WHERE span = v_topic.span AND grp = v_group.number AND seq = v_entry.seq;
            seq := v_entry.seq;
            token := v_entry.token;
            remains := v_entry.lease_until - v_now;
            size := (SELECT l.size FROM @.queue_log AS l
                     WHERE l.span = v_topic.span AND l.topic = v_topic.number AND l.seq = v_entry.seq);
            RETURN NEXT;
        END IF;
    END LOOP;
    IF v_p IS DISTINCT FROM v_in.progress THEN
        PERFORM @.queue_tell(v_topic.number, p_listener, true);
        PERFORM @.queue_keep(v_p);
    END IF;
END $$;
