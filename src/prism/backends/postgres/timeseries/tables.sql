-- Streams of events, each in a table of its own, `series_N`. One that keeps its events for a while is in partitions by
-- time, which are dropped and never deleted from. `@.` is the schema, `@name` its name.

CREATE TABLE series_identity (identity bytea NOT NULL);
INSERT INTO series_identity SELECT substr(uuid_send(gen_random_uuid()), 1, 8);

CREATE TABLE series_stream (
    number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace bytea NOT NULL,
    name text COLLATE "C" NOT NULL,
    version int NOT NULL DEFAULT 1,
    config bytea NOT NULL,
    arrival bigint NOT NULL DEFAULT 0,  -- the newest one; a transaction that appends holds the row until it commits
    floor bigint NOT NULL DEFAULT 0,    -- the newest one that retention has removed
    retention bigint,                   -- of config, in microseconds
    width bigint,                       -- of a new partition; NULL: the table has none
    UNIQUE (namespace, name)
) WITH (fillfactor = 50);

CREATE TABLE series_partition (
    stream int NOT NULL REFERENCES series_stream ON DELETE CASCADE,
    low bigint NOT NULL,
    high bigint NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (stream, low)
);

CREATE TABLE series_key (
    namespace bytea NOT NULL,
    key text COLLATE "C" NOT NULL,
    until bigint NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (namespace, key)
);
CREATE INDEX series_key_until ON series_key (until);
-- Beside the key, for it is known only when the events are in.
CREATE TABLE series_answer (
    namespace bytea NOT NULL,
    key text COLLATE "C" NOT NULL,
    appended bigint NOT NULL,
    duplicates bigint NOT NULL,
    expired bigint NOT NULL,
    PRIMARY KEY (namespace, key)
);

CREATE UNLOGGED TABLE series_waiter (
    stream int NOT NULL,
    listener bigint NOT NULL,
    until bigint NOT NULL,
    PRIMARY KEY (stream, listener)
);

CREATE FUNCTION @.series_now() RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

-- The instant before which events of a retention are in no answer; one for a statement.
CREATE FUNCTION @.series_cutoff(p_retention bigint) RETURNS bigint LANGUAGE sql STABLE
AS $$ SELECT (extract(epoch FROM statement_timestamp()) * 1000000)::bigint - p_retention $$;

CREATE FUNCTION @.series_find(p_namespace bytea, p_name text, OUT number int, OUT version int, OUT config bytea,
    OUT identity bytea) RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT number, version, config, (SELECT identity FROM @.series_identity)
    FROM @.series_stream WHERE namespace = p_namespace AND name = p_name
$$;

-- Makes a stream and its table; true where it was made now. In the statements {table} stands for the table's name.
CREATE FUNCTION @.series_create(p_namespace bytea, p_name text, p_config bytea, p_retention bigint, p_width bigint,
    p_statements text[]) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_number int;
    v_statement text;
BEGIN
    INSERT INTO @.series_stream (namespace, name, config, retention, width)
    VALUES (p_namespace, p_name, p_config, p_retention, p_width)
    ON CONFLICT DO NOTHING RETURNING number INTO v_number;
    IF v_number IS NULL THEN
        RETURN false;
    END IF;
    FOREACH v_statement IN ARRAY p_statements LOOP
        EXECUTE replace(v_statement, '{table}', format('%I.series_%s', '@name', v_number));
    END LOOP;
    RETURN true;
END $$;

-- Takes the table of a stream, in the transaction that calls; false where it is gone. Who changes the table takes it before
-- the stream's row, as an append does: the other way round the two wait for each other.
CREATE FUNCTION @.series_lock(p_number int) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('LOCK TABLE ONLY %I.series_%s IN ACCESS EXCLUSIVE MODE', '@name', p_number);
    RETURN true;
EXCEPTION WHEN undefined_table THEN
    RETURN false;
END $$;

-- Another configuration; false where the stream has changed since it was found.
CREATE FUNCTION @.series_update(p_number int, p_version int, p_config bytea, p_retention bigint, p_width bigint,
    p_statements text[]) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_statement text;
BEGIN
    IF NOT EXISTS (SELECT FROM @.series_stream WHERE number = p_number AND version = p_version) THEN
        RETURN false;
    END IF;
    IF cardinality(p_statements) > 0 AND NOT @.series_lock(p_number) THEN
        RETURN false;
    END IF;
    UPDATE @.series_stream SET version = version + 1, config = p_config, retention = p_retention,
        width = CASE WHEN width IS NULL THEN NULL ELSE coalesce(p_width, width) END
    WHERE number = p_number AND version = p_version;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    FOREACH v_statement IN ARRAY p_statements LOOP
        EXECUTE replace(v_statement, '{table}', format('%I.series_%s', '@name', p_number));
    END LOOP;
    RETURN true;
END $$;

CREATE FUNCTION @.series_delete(p_namespace bytea, p_name text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_number int;
BEGIN
    SELECT number INTO v_number FROM @.series_stream WHERE namespace = p_namespace AND name = p_name;
    IF v_number IS NULL OR NOT @.series_lock(v_number) THEN
        RETURN false;
    END IF;
    DELETE FROM @.series_stream WHERE number = v_number;
    EXECUTE format('DROP TABLE %I.series_%s', '@name', v_number);
    DELETE FROM @.series_waiter WHERE stream = v_number;
    PERFORM pg_notify('prism.series.' || hashtext('@name'), (-v_number)::text);
    RETURN true;
END $$;

-- Makes the partitions that instants need. A partition is as wide as the stream says, as far as its neighbours let it.
CREATE FUNCTION @.series_partitions(p_number int, p_instants bigint[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_width bigint;
    v_at bigint;
    v_low bigint;
    v_high bigint;
    v_number bigint;
BEGIN
    SELECT width INTO v_width FROM @.series_stream WHERE number = p_number;
    IF v_width IS NULL OR NOT @.series_lock(p_number) THEN
        RETURN;
    END IF;
    SELECT width INTO v_width FROM @.series_stream WHERE number = p_number FOR UPDATE;
    FOREACH v_at IN ARRAY p_instants LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM @.series_partition WHERE stream = p_number AND low <= v_at AND high > v_at);
        v_low := floor(v_at::numeric / v_width) * v_width;
        SELECT greatest(v_low, max(high)) INTO v_low FROM @.series_partition WHERE stream = p_number AND high <= v_at;
        SELECT least(floor(v_at::numeric / v_width)::bigint * v_width + v_width, min(low)) INTO v_high
        FROM @.series_partition WHERE stream = p_number AND low > v_at;
        INSERT INTO @.series_partition (stream, low, high) VALUES (p_number, v_low, v_high)
        RETURNING number INTO v_number;
        EXECUTE format('CREATE TABLE %1$I.series_%2$s_%3$s PARTITION OF %1$I.series_%2$s FOR VALUES FROM (%4$s) TO (%5$s)',
            '@name', p_number, v_number, v_low, v_high);
    END LOOP;
END $$;

-- Removes what is beyond the retention of streams: whole partitions, and from tables without any so many events of each.
-- True where more is left.
CREATE FUNCTION @.series_sweep(p_limit int) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    v_stream record;
    v_part record;
    v_floor bigint;
    v_count int;
    v_cutoff bigint;
    v_more boolean := false;
BEGIN
    DELETE FROM @.series_answer AS a USING @.series_key AS k
    WHERE a.namespace = k.namespace AND a.key = k.key AND k.until <= @.series_now();
    DELETE FROM @.series_key WHERE until <= @.series_now();
    DELETE FROM @.series_waiter WHERE until <= @.series_now();
    FOR v_stream IN SELECT number, retention, width FROM @.series_stream WHERE retention IS NOT NULL ORDER BY number LOOP
        v_cutoff := @.series_now() - v_stream.retention;
        FOR v_part IN SELECT low, number FROM @.series_partition
                      WHERE stream = v_stream.number AND high <= v_cutoff LOOP
            BEGIN
                EXIT WHEN NOT @.series_lock(v_stream.number);
                PERFORM FROM @.series_stream WHERE number = v_stream.number FOR UPDATE;
                EXECUTE format('SELECT coalesce(max(arrival), 0) FROM %I.series_%s_%s', '@name', v_stream.number,
                    v_part.number) INTO v_floor;
                UPDATE @.series_stream SET floor = greatest(floor, v_floor) WHERE number = v_stream.number;
                EXECUTE format('DROP TABLE %I.series_%s_%s', '@name', v_stream.number, v_part.number);
                DELETE FROM @.series_partition WHERE stream = v_stream.number AND low = v_part.low;
            EXCEPTION WHEN lock_not_available THEN
                NULL;  -- it is read: another time
            END;
        END LOOP;
        CONTINUE WHEN v_stream.width IS NOT NULL;
        EXECUTE format('WITH gone AS (DELETE FROM %1$I.series_%2$s WHERE ctid = ANY (ARRAY('
            'SELECT ctid FROM %1$I.series_%2$s WHERE ts < $1 ORDER BY ts LIMIT $2)) RETURNING arrival) '
            'SELECT coalesce(max(arrival), 0), count(*) FROM gone', '@name', v_stream.number)
        INTO v_floor, v_count USING v_cutoff, p_limit;
        IF v_count > 0 THEN
            UPDATE @.series_stream SET floor = greatest(floor, v_floor) WHERE number = v_stream.number;
            v_more := v_more OR v_count >= p_limit;
        END IF;
    END LOOP;
    RETURN v_more;
END $$;

-- Notes who waits for what, if they are told; and for each its place, number, and a text that changes: of a stream that is
-- gone 0 and none.
CREATE FUNCTION @.series_watch(p_spaces bytea[], p_names text[], p_listener bigint, p_listens boolean)
RETURNS TABLE (n int, number int, change text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF p_listens THEN
        INSERT INTO @.series_waiter AS w (stream, listener, until)
        SELECT DISTINCT s.number, p_listener, @.series_now() + 30000000
        FROM unnest(p_spaces, p_names) AS m (space, name)
        JOIN @.series_stream AS s ON s.namespace = m.space AND s.name = m.name
        ON CONFLICT (stream, listener) DO UPDATE SET until = excluded.until WHERE w.until < @.series_now() + 15000000;
    END IF;
    RETURN QUERY SELECT m.n::int, coalesce(s.number, 0), concat_ws(' ', s.number, s.arrival, s.version, s.floor)
    FROM unnest(p_spaces, p_names) WITH ORDINALITY AS m (space, name, n)
    LEFT JOIN @.series_stream AS s ON s.namespace = m.space AND s.name = m.name;
END $$;

-- Tells those who wait for a stream that it has changed.
CREATE FUNCTION @.series_tell(p_number int, p_listener bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM @.series_waiter WHERE stream = p_number AND listener <> p_listener
               AND until > @.series_now()) THEN
        PERFORM pg_notify('prism.series.' || hashtext('@name'), (-p_number)::text);
    END IF;
END $$;
