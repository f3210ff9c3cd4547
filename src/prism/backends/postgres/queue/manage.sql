-- What operators do with topics and groups, and what a commit is. Statuses: 0 done, 1 the topic, 2 the group is missing.

-- Gives a group another number, so that all of before is void, and a place; the dead stay. Its lock is held.
CREATE FUNCTION @.queue_reset(p_topic @.queue_topic, p_group @.queue_group, p_cursor bigint, p_fresh bool)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_number int := p_group.number;
    v_last bigint;
    v_count bigint;
    v_ahead bigint := 0;
BEGIN
    SELECT seq INTO v_last FROM @.queue_log
    WHERE span = p_topic.span AND topic = p_topic.number ORDER BY seq DESC LIMIT 1;
    v_last := greatest(v_last, p_topic.floor);
    p_cursor := greatest(least(coalesce(p_cursor, v_last), v_last), p_topic.floor);
    IF NOT p_fresh THEN
        UPDATE @.queue_group
        SET number = DEFAULT, epoch = epoch + 1, since = v_last WHERE number = p_group.number
        RETURNING number INTO v_number;
        UPDATE @.queue_dead SET grp = v_number WHERE grp = p_group.number;
        WITH noted AS (
            INSERT INTO @.queue_entry (span, grp, seq, state, at)
            SELECT p_topic.span, v_number, d.seq, 5, d.at FROM @.queue_dead AS d
            JOIN @.queue_log AS l ON l.span = p_topic.span AND l.topic = p_topic.number AND l.seq = d.seq
            WHERE d.grp = v_number
            RETURNING seq
        ) SELECT coalesce(max(seq), 0) INTO v_ahead FROM noted;
        DELETE FROM @.queue_progress WHERE grp = p_group.number;
    END IF;
    INSERT INTO @.queue_progress (grp, n, cursor, ahead, floor, acknowledged, expired, removed, flying, scanned, ready,
        used_at)
    VALUES (v_number, 1, p_cursor, v_ahead, p_topic.floor, 0, 0, 0, 0, 0, 9223372036854775807, @.queue_now());
    SELECT count(*) INTO v_count FROM @.queue_log AS l
    WHERE l.span = p_topic.span AND l.topic = p_topic.number AND l.seq > p_cursor AND NOT l.gone AND l.grp IS NULL
        AND coalesce(l.due_at, l.seq) + least(coalesce(l.ttl, p_topic.retention), p_topic.retention) > @.queue_now()
        AND NOT EXISTS (SELECT FROM @.queue_entry AS e
                        WHERE e.span = p_topic.span AND e.grp = v_number AND e.seq = l.seq);
    RETURN v_count;
END $$;

-- A group, made where it does not exist and may be. Answers whether it was made, and it; no row says that it is missing.
CREATE FUNCTION @.queue_create_group(
    p_space bytea, p_topic bytea, p_group bytea, p_create bool, p_latest bool, p_time bigint, p_config bigint[],
    p_letter_topic bytea, p_paused bool, OUT status int, OUT created bool, OUT made @.queue_group
) LANGUAGE plpgsql AS $$
DECLARE
    v_number int;
    v_topic @.queue_topic;
BEGIN
    status := 0;
    created := false;
    LOOP
        v_number := @.queue_ensure_topic(p_space, p_topic, p_create);
        IF v_number IS NULL THEN
            status := 1;
            RETURN;
        END IF;
        SELECT * INTO made FROM @.queue_group AS g WHERE g.topic = v_number AND g.name = p_group;
        IF FOUND THEN
            RETURN;
        ELSIF NOT p_create THEN
            status := 2;
            RETURN;
        END IF;
        v_topic := @.queue_lock_topic(v_number);
        CONTINUE WHEN v_topic.number IS NULL;
        INSERT INTO @.queue_group AS g (topic, name, since, ack_deadline, max_lease, max_attempts, backoff_min, backoff_max,
            dead_letter, dead_retention, expire_after_idle, dead_letter_topic, paused)
        VALUES (v_number, p_group, 0, p_config[1], p_config[2], p_config[3], p_config[4], p_config[5], p_config[6],
            p_config[7], p_config[8], p_letter_topic, p_paused)
        ON CONFLICT (topic, name) DO NOTHING RETURNING * INTO made;
        IF made.number IS NOT NULL THEN
            created := true;
            PERFORM @.queue_reset(v_topic, made, CASE WHEN NOT p_latest THEN greatest(p_time - 1, 0) END, true);
            RETURN;
        END IF;
    END LOOP;
END $$;

-- Locks every group of a topic, then the topic.
CREATE FUNCTION @.queue_lock_all(p_space bytea, p_topic bytea) RETURNS @.queue_topic LANGUAGE plpgsql AS $$
DECLARE
    v_number int;
    v_group int;
    v_topic @.queue_topic;
    v_before int[];
    v_now int[] := '{}';
BEGIN
    SELECT number INTO v_number FROM @.queue_topic WHERE namespace = p_space AND name = p_topic;
    IF v_number IS NULL THEN
        RETURN NULL;
    END IF;
    LOOP
        v_before := v_now;
        SELECT coalesce(array_agg(number ORDER BY number), '{}') INTO v_now FROM @.queue_group WHERE topic = v_number;
        EXIT WHEN v_now = v_before;
        FOREACH v_group IN ARRAY v_now LOOP
            PERFORM pg_advisory_xact_lock(hashtext('prism.queue.group.@name'), v_group);
        END LOOP;
    END LOOP;
    v_topic := @.queue_lock_topic(v_number);
    RETURN v_topic;
END $$;

CREATE FUNCTION @.queue_purge(p_space bytea, p_topic bytea, p_listener bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_topic @.queue_topic;
    v_group @.queue_group;
    v_count bigint;
    v_last bigint;
BEGIN
    v_topic := @.queue_lock_all(p_space, p_topic);
    IF v_topic.number IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT count(*) INTO v_count FROM @.queue_log
    WHERE span = v_topic.span AND topic = v_topic.number AND seq > v_topic.floor AND NOT gone AND grp IS NULL;
    SELECT seq INTO v_last FROM @.queue_log
    WHERE span = v_topic.span AND topic = v_topic.number ORDER BY seq DESC LIMIT 1;
    IF v_last IS NOT NULL THEN
        UPDATE @.queue_topic SET floor = greatest(floor, v_last) WHERE number = v_topic.number
        RETURNING * INTO v_topic;
    END IF;
    FOR v_group IN SELECT * FROM @.queue_group WHERE topic = v_topic.number ORDER BY number LOOP
        PERFORM @.queue_reset(v_topic, v_group, NULL, false);
    END LOOP;
    PERFORM @.queue_tell(v_topic.number, p_listener, true);
    RETURN v_count;
END $$;

CREATE FUNCTION @.queue_seek(
    p_space bytea, p_topic bytea, p_group bytea, p_latest bool, p_time bigint, p_listener bigint, OUT status int,
    OUT moved bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_in record;
BEGIN
    SELECT * INTO v_in FROM @.queue_enter(p_space, p_topic, p_group);
    status := v_in.status;
    IF status = 0 THEN
        moved := @.queue_reset(
            v_in.topic, v_in.grp, CASE WHEN NOT p_latest THEN greatest(p_time - 1, 0) END, false);
        PERFORM @.queue_tell((v_in.topic).number, p_listener, true);
    END IF;
END $$;

-- Removes what is a group's; its entries go with their partitions.
CREATE FUNCTION @.queue_delete_group(p_number int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM @.queue_group WHERE number = p_number;
    DELETE FROM @.queue_progress WHERE grp = p_number;
    DELETE FROM @.queue_dead WHERE grp = p_number;
    RETURN true;
END $$;

-- Removes a group, with p_idle only where it has had no consumer for as long as it may be without one.
CREATE FUNCTION @.queue_drop_group(p_space bytea, p_topic bytea, p_group bytea, p_idle bool) RETURNS bool
LANGUAGE plpgsql AS $$
DECLARE
    v_in record;
BEGIN
    SELECT * INTO v_in FROM @.queue_enter(p_space, p_topic, p_group);
    IF v_in.status <> 0 OR (p_idle AND NOT ((v_in.progress).flying = 0 AND (v_in.grp).expire_after_idle > 0
        AND (v_in.progress).used_at + (v_in.grp).expire_after_idle <= @.queue_now()))
    THEN
        RETURN false;
    END IF;
    RETURN @.queue_delete_group((v_in.grp).number);
END $$;

CREATE FUNCTION @.queue_delete_topic(p_space bytea, p_topic bytea) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
    v_topic @.queue_topic;
BEGIN
    v_topic := @.queue_lock_all(p_space, p_topic);
    IF v_topic.number IS NULL THEN
        RETURN false;
    END IF;
    PERFORM @.queue_delete_group(number) FROM @.queue_group WHERE topic = v_topic.number;
    DELETE FROM @.queue_topic WHERE number = v_topic.number;
    DELETE FROM @.queue_waiter WHERE topic = v_topic.number;
    RETURN true;
END $$;

-- Changes a topic, unless another change came first. Messages move with it to the partitions of its retention.
CREATE FUNCTION @.queue_update_topic(
    p_space bytea, p_topic bytea, p_before bigint[], p_after bigint[]
) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
    v_topic @.queue_topic;
    v_span smallint := @.queue_span(p_after[2]);
    v_at bigint;
    v_group int;
BEGIN
    v_topic := @.queue_lock_all(p_space, p_topic);
    IF v_topic.number IS NULL
        OR ARRAY[v_topic.until_acknowledged::int, v_topic.retention, v_topic.max_bytes] <> p_before
    THEN
        RETURN false;
    END IF;
    UPDATE @.queue_topic
    SET until_acknowledged = p_after[1] = 1, retention = p_after[2], max_bytes = p_after[3], span = v_span
    WHERE number = v_topic.number;
    IF v_span <> v_topic.span THEN
        FOREACH v_at IN ARRAY ARRAY(
            SELECT DISTINCT seq / @.queue_width(v_span) * @.queue_width(v_span) FROM @.queue_log
            WHERE span = v_topic.span AND topic = v_topic.number
            UNION SELECT @.queue_now() / @.queue_width(v_span) * @.queue_width(v_span)
        ) LOOP
            PERFORM @.queue_partition(v_span, v_at);
        END LOOP;
        UPDATE @.queue_log SET span = v_span WHERE span = v_topic.span AND topic = v_topic.number;
        FOR v_group IN SELECT number FROM @.queue_group WHERE topic = v_topic.number LOOP
            UPDATE @.queue_entry SET span = v_span WHERE span = v_topic.span AND grp = v_group;
        END LOOP;
    END IF;
    RETURN true;
END $$;

-- Takes messages back; answers which were there. Those that some group has stay for it alone.
CREATE FUNCTION @.queue_cancel(p_space bytea, p_topic bytea, p_ids text[], p_seqs bigint[])
RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    v_topic @.queue_topic;
    v_each record;
    v_group int;
    v_p @.queue_progress;
    v_old @.queue_progress;
    v_entry @.queue_entry;
    v_ids text[] := '{}';
BEGIN
    v_topic := @.queue_lock_all(p_space, p_topic);
    IF v_topic.number IS NULL THEN
        RETURN NULL;
    END IF;
    FOR v_each IN
        UPDATE @.queue_log SET gone = true
        WHERE span = v_topic.span AND topic = v_topic.number AND seq > v_topic.floor AND grp IS NULL
            AND ((seq = ANY (p_seqs) AND message_id IS NULL) OR message_id = ANY (p_ids)) AND NOT gone
        RETURNING coalesce(message_id, @.queue_id(topic, seq)) AS id, seq
    LOOP
        v_ids := v_ids || v_each.id;
        FOR v_group IN SELECT number FROM @.queue_group WHERE topic = v_topic.number ORDER BY number LOOP
            DELETE FROM @.queue_entry
            WHERE span = v_topic.span AND grp = v_group AND seq = v_each.seq AND state = 1 RETURNING * INTO v_entry;
            IF v_entry.key IS NOT NULL THEN
                SELECT * INTO v_p FROM @.queue_progress WHERE grp = v_group ORDER BY n DESC LIMIT 1;
                v_old := v_p;
                v_p := @.queue_unblock(v_topic, v_p, v_entry.key, v_entry.seq);
                IF v_p IS DISTINCT FROM v_old THEN
                    PERFORM @.queue_keep(v_p);
                END IF;
            END IF;
        END LOOP;
    END LOOP;
    RETURN v_ids;
END $$;

-- The dead of a locked group: those of the ids, or the first ones.
CREATE FUNCTION @.queue_dead_of(p_group int, p_ids text[], p_limit int) RETURNS SETOF @.queue_dead
LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(p_ids) > 0 THEN
        RETURN QUERY SELECT * FROM @.queue_dead WHERE grp = p_group AND message_id = ANY (p_ids) ORDER BY seq;
    ELSE
        RETURN QUERY SELECT * FROM @.queue_dead WHERE grp = p_group ORDER BY seq LIMIT p_limit;
    END IF;
END $$;

-- Brings the dead back, or removes them.
CREATE FUNCTION @.queue_dead_end(
    p_space bytea, p_topic bytea, p_group bytea, p_ids text[], p_limit int, p_redrive bool, p_listener bigint,
    OUT status int, OUT ended int
) LANGUAGE plpgsql AS $$
DECLARE
    v_in record;
    v_topic @.queue_topic;
    v_p @.queue_progress;
    v_dead @.queue_dead;
BEGIN
    SELECT * INTO v_in FROM @.queue_enter(p_space, p_topic, p_group);
    status := v_in.status;
    ended := 0;
    IF status <> 0 THEN
        RETURN;
    END IF;
    v_topic := v_in.topic;
    v_p := v_in.progress;
    FOR v_dead IN SELECT * FROM @.queue_dead_of(v_p.grp, p_ids, p_limit) LOOP
        ended := ended + 1;
        DELETE FROM @.queue_dead WHERE grp = v_p.grp AND seq = v_dead.seq;
        UPDATE @.queue_entry SET state = 6 WHERE span = v_topic.span AND grp = v_p.grp AND seq = v_dead.seq;
        IF p_redrive THEN
            v_topic := @.queue_lock_topic(v_topic.number);
            PERFORM @.queue_append(v_topic, 1, ARRAY[1], NULL, ARRAY[v_dead.payload], ARRAY[v_dead.attributes], NULL,
                NULL, NULL, ARRAY[v_dead.ttl], ARRAY[v_dead.size], ARRAY[v_dead.trace], v_p.grp,
                ARRAY[v_dead.message_id], ARRAY[v_dead.published_at], ARRAY[v_dead.key]);
        ELSE
            v_p.removed := v_p.removed + 1;
            IF v_topic.until_acknowledged THEN
                PERFORM @.queue_done(v_topic, v_p.grp, v_p.cursor, ARRAY[v_dead.seq]);
            END IF;
        END IF;
    END LOOP;
    IF ended > 0 THEN
        PERFORM @.queue_keep(v_p);
        PERFORM @.queue_tell(v_topic.number, p_listener);
    END IF;
END $$;

-- Acknowledges and publishes, all of it or nothing: then a condition says why. Answers the ids.
CREATE FUNCTION @.queue_commit(
    p_space bytea, p_topic bytea, p_group bytea, p_seqs bigint[], p_tokens bigint[], p_once bytea, p_print bytea,
    p_window bigint, p_names bytea[], p_create bool, p_of int[], p_payloads bytea[], p_attributes bytea[],
    p_keys bytea[], p_delays bigint[], p_due bigint[], p_ttls bigint[], p_sizes int[], p_traces text[],
    p_listener bigint
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    v_in record;
    v_done record;
    v_flying int;
    v_ids text[] := array_fill(NULL::text, ARRAY[cardinality(p_of)]);
    v_seen int[] := array_fill(0, ARRAY[cardinality(p_names)]);
    v_base bigint[] := array_fill(0::bigint, ARRAY[cardinality(p_names)]);
    v_number int[] := array_fill(0, ARRAY[cardinality(p_names)]);
    v_old record;
    v_each record;
    v_spaces bytea[] := array_fill(p_space, ARRAY[cardinality(p_names)]);
    v_creates bool[] := array_fill(p_create, ARRAY[cardinality(p_names)]);
BEGIN
    SELECT * INTO v_in FROM @.queue_enter(p_space, p_topic, p_group);
    IF v_in.status <> 0 THEN
        RAISE EXCEPTION '0' USING ERRCODE = CASE v_in.status WHEN 1 THEN 'PR003' ELSE 'PR006' END;
    END IF;
    IF p_once IS NOT NULL THEN
        INSERT INTO @.queue_idempotency AS old (namespace, key, until, fingerprint, message_ids)
        VALUES (p_space, p_once, @.queue_now() + p_window, p_print, '{}')
        ON CONFLICT (namespace, key) DO UPDATE
        SET until = excluded.until, fingerprint = excluded.fingerprint, message_ids = '{}'
        WHERE old.until <= @.queue_now();
        IF NOT FOUND THEN
            SELECT * INTO v_old FROM @.queue_idempotency WHERE namespace = p_space AND key = p_once;
            IF v_old.fingerprint <> p_print THEN
                RAISE EXCEPTION 'used' USING ERRCODE = 'PR002';
            END IF;
            RETURN v_old.message_ids;
        END IF;
    END IF;
    v_flying := (v_in.progress).flying;
    SELECT * INTO v_done FROM @.queue_settle(v_in.topic, v_in.grp, v_in.progress, p_seqs, p_tokens, NULL, NULL, NULL, NULL,
        NULL, NULL, p_listener);
    IF v_flying - (v_done.progress).flying <> cardinality(p_seqs) THEN
        RAISE EXCEPTION '%', cardinality(p_seqs) - v_flying + (v_done.progress).flying USING ERRCODE = 'PR007';
    END IF;
    IF cardinality(p_seqs) > 0 THEN
        PERFORM @.queue_keep(v_done.progress);
    END IF;
    IF cardinality(p_of) > 0 THEN
        FOR v_each IN
            SELECT * FROM @.queue_publish(v_spaces, p_names, v_creates, p_of, p_payloads, p_attributes, p_keys, p_delays,
                p_due, p_ttls, p_sizes, p_traces, NULL, NULL, p_window, true, p_listener)
        LOOP
            v_number[v_each.n] := v_each.number;
            v_base[v_each.n] := v_each.seq;
        END LOOP;
        FOR i IN 1 .. cardinality(p_of) LOOP
            v_seen[p_of[i]] := v_seen[p_of[i]] + 1;
            v_ids[i] := @.queue_id(v_number[p_of[i]], v_base[p_of[i]] + v_seen[p_of[i]]);
        END LOOP;
    END IF;
    IF p_once IS NOT NULL THEN
        UPDATE @.queue_idempotency SET message_ids = coalesce(v_ids, '{}') WHERE namespace = p_space AND key = p_once;
    END IF;
    PERFORM @.queue_tell((v_in.topic).number, p_listener);
    RETURN coalesce(v_ids, '{}');
END $$;

-- Does what time has done to a group; what it is then, and how many messages it has in each state.
CREATE FUNCTION @.queue_describe(
    p_space bytea, p_topic bytea, p_group bytea, p_tidy bool, p_listener bigint, OUT status int, OUT made @.queue_group,
    OUT progress @.queue_progress, OUT waiting bigint, OUT delayed bigint, OUT dead bigint, OUT oldest bigint,
    OUT consumers bytea[], OUT flying bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
    v_in record;
    v_topic @.queue_topic;
    v_now bigint;
    v_count int;
    v_each record;
BEGIN
    SELECT * INTO v_in FROM @.queue_enter(p_space, p_topic, p_group);
    status := v_in.status;
    IF status <> 0 THEN
        RETURN;
    END IF;
    v_topic := v_in.topic;
    made := v_in.grp;
    progress := v_in.progress;
    IF p_tidy THEN
        progress := @.queue_tidy(v_topic, made, progress, true, p_listener);
        DELETE FROM @.queue_dead AS d WHERE d.grp = progress.grp AND d.at <= @.queue_now() - made.dead_retention;
        GET DIAGNOSTICS v_count = ROW_COUNT;
        progress.removed := progress.removed + v_count;
        IF progress IS DISTINCT FROM v_in.progress THEN
            PERFORM @.queue_keep(progress);
        END IF;
    END IF;
    v_now := @.queue_now();
    SELECT count(*) FILTER (WHERE e.at <= v_now), count(*) FILTER (WHERE e.at > v_now), min(e.at)
    INTO waiting, delayed, oldest FROM @.queue_entry AS e
    WHERE e.span = v_topic.span AND e.grp = progress.grp AND e.state = 1 AND NOT e.blocked;
    SELECT count(*) INTO v_count FROM @.queue_entry AS e
    WHERE e.span = v_topic.span AND e.grp = progress.grp AND e.key IS NOT NULL AND e.state IN (1, 3) AND e.blocked;
    waiting := waiting + v_count;
    SELECT count(*) FILTER (WHERE coalesce(l.due_at, 0) <= v_now) AS due,
        count(*) FILTER (WHERE coalesce(l.due_at, 0) > v_now) AS later,
        min(coalesce(l.due_at, l.seq)) AS first
    INTO v_each FROM @.queue_log AS l
    WHERE l.span = v_topic.span AND l.topic = v_topic.number AND l.seq > progress.cursor AND NOT l.gone
        AND (l.grp IS NULL OR (l.grp = progress.grp AND l.seq > made.since))
        AND (l.seq > progress.ahead OR NOT EXISTS (
            SELECT FROM @.queue_entry AS e
            WHERE e.span = v_topic.span AND e.grp = progress.grp AND e.seq = l.seq));
    waiting := waiting + v_each.due;
    delayed := delayed + v_each.later;
    oldest := greatest(v_now - least(oldest, v_each.first), 0);
    SELECT count(*) INTO dead FROM @.queue_dead AS d WHERE d.grp = progress.grp;
    SELECT array_agg(c.consumer), array_agg(c.held) INTO consumers, flying FROM (
        SELECT e.consumer, count(*) AS held FROM @.queue_entry AS e
        WHERE e.span = v_topic.span AND e.grp = progress.grp AND e.state = 3 AND e.at > progress.scanned
        GROUP BY e.consumer
    ) AS c;
END $$;

-- Messages of a group by seq after one: p_state 1 waiting, 3 in flight, 5 dead; of those waiting the delayed, or the others.
CREATE FUNCTION @.queue_peek(
    p_space bytea, p_topic bytea, p_group bytea, p_state int, p_delayed bool, p_after bigint, p_limit int
) RETURNS TABLE (
    status int, seq bigint, at bigint, failed int, consumer bytea, reason bytea, size int, due_at bigint, ttl bigint,
    key bytea, message_id text, published_at bigint, trace text, attributes bytea, payload bytea
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_in record;
    v_topic @.queue_topic;
    v_group @.queue_group;
    v_p @.queue_progress;
    v_now bigint;
BEGIN
    SELECT * INTO v_in FROM @.queue_enter(p_space, p_topic, p_group);
    IF v_in.status <> 0 THEN
        status := v_in.status;
        RETURN NEXT;
        RETURN;
    END IF;
    v_topic := v_in.topic;
    v_group := v_in.grp;
    v_p := v_in.progress;
    v_now := @.queue_now();
    IF p_state = 5 THEN
        RETURN QUERY SELECT 0, d.seq, d.at, d.failed, NULL::bytea, d.reason, d.size, d.due_at, d.ttl, d.key, d.message_id,
            d.published_at, d.trace, d.attributes, d.payload
        FROM @.queue_dead AS d WHERE d.grp = v_p.grp AND d.seq > p_after ORDER BY d.seq LIMIT p_limit;
        RETURN;
    END IF;
    RETURN QUERY SELECT 0, f.seq, f.at, f.failed, f.consumer, NULL::bytea, l.size, coalesce(l.due_at, l.seq), l.ttl,
        coalesce(l.key, l.shown_key), coalesce(l.message_id, @.queue_id(v_topic.number, l.seq)),
        coalesce(l.published_at, l.seq), l.trace, l.attributes, l.payload
    FROM (
        SELECT * FROM (
            (SELECT e.seq, e.at, e.failed, e.consumer FROM @.queue_entry AS e
            WHERE p_state = 3 AND e.span = v_topic.span AND e.grp = v_p.grp AND e.state = 3 AND e.at > v_p.scanned
                AND e.seq > p_after
            ORDER BY e.seq LIMIT p_limit)
            UNION ALL
            (SELECT e.seq, e.at, e.failed, NULL FROM @.queue_entry AS e
            WHERE p_state = 1 AND e.span = v_topic.span AND e.grp = v_p.grp AND e.state = 1 AND NOT e.blocked
                AND (e.at > v_now) = p_delayed AND e.seq > p_after
            ORDER BY e.seq LIMIT p_limit)
            UNION ALL
            (SELECT e.seq, e.at, e.failed, NULL FROM @.queue_entry AS e
            WHERE p_state = 1 AND NOT p_delayed AND e.span = v_topic.span AND e.grp = v_p.grp AND e.key IS NOT NULL
                AND e.state IN (1, 3) AND e.blocked AND e.seq > p_after
            ORDER BY e.seq LIMIT p_limit)
            UNION ALL
            (SELECT l.seq, coalesce(l.due_at, l.seq), 0, NULL FROM @.queue_log AS l
            WHERE p_state = 1 AND l.span = v_topic.span AND l.topic = v_topic.number
                AND l.seq > greatest(v_p.cursor, p_after) AND NOT l.gone
                AND (coalesce(l.due_at, 0) > v_now) = p_delayed
                AND (l.grp IS NULL OR (l.grp = v_p.grp AND l.seq > v_group.since))
                AND (l.seq > v_p.ahead OR NOT EXISTS (
                    SELECT FROM @.queue_entry AS e
                    WHERE e.span = v_topic.span AND e.grp = v_p.grp AND e.seq = l.seq))
            ORDER BY l.seq LIMIT p_limit)
        ) AS each_ ORDER BY seq LIMIT p_limit
    ) AS f, LATERAL (
        SELECT * FROM @.queue_log WHERE span = v_topic.span AND topic = v_topic.number AND seq = f.seq OFFSET 0
    ) AS l
    ORDER BY f.seq;
END $$;

-- Names the groups to which time has done something, or that are to be removed: (namespace, topic, group, idle).
CREATE FUNCTION @.queue_overdue(p_limit int) RETURNS TABLE (space bytea, topic bytea, name bytea, idle bool)
LANGUAGE sql AS $$
    SELECT t.namespace, t.name, g.name,
        g.expire_after_idle > 0 AND p.flying = 0 AND p.used_at + g.expire_after_idle <= @.queue_now()
    FROM @.queue_group AS g JOIN @.queue_topic AS t ON t.number = g.topic, LATERAL (
        SELECT * FROM @.queue_progress AS p WHERE p.grp = g.number ORDER BY p.n DESC LIMIT 1
    ) AS p
    WHERE (g.expire_after_idle > 0 AND p.flying = 0 AND p.used_at + g.expire_after_idle <= @.queue_now())
        OR t.floor > p.floor
        OR (p.flying > 0 AND EXISTS (
            SELECT FROM @.queue_entry AS e
            WHERE e.span = t.span AND e.grp = g.number AND e.state = 3 AND e.at > p.scanned AND e.at <= @.queue_now()))
        OR EXISTS (
            SELECT FROM @.queue_dead AS d WHERE d.grp = g.number AND d.at <= @.queue_now() - g.dead_retention)
        OR EXISTS (
            SELECT FROM @.queue_log AS l WHERE l.span = t.span AND l.topic = t.number AND l.seq > p.cursor
                AND l.seq <= @.queue_now() - t.retention)
        OR EXISTS (
            SELECT FROM @.queue_entry AS e WHERE e.span = t.span AND e.grp = g.number AND e.state = 1
                AND NOT e.blocked AND e.seq <= @.queue_now() - t.retention)
        OR EXISTS (
            SELECT FROM @.queue_log AS l WHERE l.span = t.span AND l.topic = t.number AND l.ttl IS NOT NULL
                AND coalesce(l.due_at, l.seq) + l.ttl <= @.queue_now() AND l.seq > p.cursor
                AND NOT EXISTS (SELECT FROM @.queue_entry AS e
                                WHERE e.span = t.span AND e.grp = g.number AND e.seq = l.seq))
    LIMIT p_limit
$$;

-- Notes who waits for which topics, and answers how far each is: what differs from the last time has changed.
CREATE FUNCTION @.queue_watch(p_spaces bytea[], p_names bytea[], p_listener bigint, p_listens bool)
RETURNS TABLE (n int, number int, change text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF p_listens THEN
        INSERT INTO @.queue_waiter AS w (topic, listener, until)
        SELECT t.number, p_listener, @.queue_now() + 30000000
        FROM unnest(p_spaces, p_names) AS m (space, name)
        JOIN @.queue_topic AS t ON t.namespace = m.space AND t.name = m.name
        ON CONFLICT (topic, listener) DO UPDATE SET until = excluded.until
        WHERE w.until < @.queue_now() + 15000000;
    END IF;
    RETURN QUERY SELECT m.n::int, t.number, concat_ws(' ', t.number, t.floor,
        (SELECT l.seq FROM @.queue_log AS l WHERE l.span = t.span AND l.topic = t.number ORDER BY l.seq DESC LIMIT 1),
        (SELECT string_agg(concat_ws(' ', g.number, g.paused::text, (
            SELECT p.n FROM @.queue_progress AS p WHERE p.grp = g.number ORDER BY p.n DESC LIMIT 1)), ' ')
         FROM @.queue_group AS g WHERE g.topic = t.number))
    FROM unnest(p_spaces, p_names) WITH ORDINALITY AS m (space, name, n)
    JOIN @.queue_topic AS t ON t.namespace = m.space AND t.name = m.name;
END $$;
