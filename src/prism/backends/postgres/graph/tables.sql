-- Ids, labels and keys are bytea, whose order is that of bytes whatever the collation. The longest key, of an edge
-- (63 + 512 + 128 + 512 + 512 bytes), fits a B-tree's 2704. Properties are an object: of each the value's kind, and the
-- value in text.
CREATE TABLE graph_node (
    namespace bytea NOT NULL,
    id bytea NOT NULL,
    labels bytea[] NOT NULL,
    properties jsonb NOT NULL,
    PRIMARY KEY (namespace, id)
) WITH (fillfactor = 90);

-- What nodes are listed by; kept by triggers of graph_node, so that it changes with the row that is locked.
CREATE TABLE graph_label (
    namespace bytea NOT NULL,
    label bytea NOT NULL,
    id bytea NOT NULL,
    PRIMARY KEY (namespace, label, id),
    FOREIGN KEY (namespace, id) REFERENCES graph_node (namespace, id) ON DELETE CASCADE
);
CREATE INDEX graph_label_node ON graph_label (namespace, id);

CREATE TABLE graph_edge (
    namespace bytea NOT NULL,
    from_id bytea NOT NULL,
    label bytea NOT NULL,
    to_id bytea NOT NULL,
    key bytea NOT NULL,
    properties jsonb NOT NULL,
    PRIMARY KEY (namespace, from_id, label, to_id, key),
    FOREIGN KEY (namespace, from_id) REFERENCES graph_node (namespace, id),
    FOREIGN KEY (namespace, to_id) REFERENCES graph_node (namespace, id)
) WITH (fillfactor = 90);
CREATE INDEX graph_edge_to ON graph_edge (namespace, to_id, label, from_id, key);

CREATE FUNCTION @.graph_list() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM @.graph_label
    WHERE namespace = NEW.namespace AND id = NEW.id AND NOT label = ANY (NEW.labels);
    INSERT INTO @.graph_label (namespace, label, id)
    SELECT NEW.namespace, each, NEW.id FROM unnest(NEW.labels) AS each ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER graph_listed AFTER INSERT ON graph_node FOR EACH ROW
    WHEN (cardinality(NEW.labels) > 0) EXECUTE FUNCTION @.graph_list();
CREATE TRIGGER graph_listed_anew AFTER UPDATE ON graph_node FOR EACH ROW
    WHEN (NEW.labels <> OLD.labels) EXECUTE FUNCTION @.graph_list();

-- Removes a node and up to p_most of its edges. The lock waits for all who are making edges of it, and keeps others
-- from beginning to; what is counted after it is what there is.
CREATE FUNCTION @.graph_delete_node(
    p_space bytea, p_node bytea, p_most bigint, OUT existed boolean, OUT deleted boolean, OUT edges bigint
) LANGUAGE plpgsql AS $$
BEGIN
    deleted := false;
    edges := 0;
    PERFORM FROM @.graph_node WHERE namespace = p_space AND id = p_node FOR UPDATE;
    existed := FOUND;
    IF NOT existed THEN
        RETURN;
    END IF;
    SELECT (SELECT count(*) FROM @.graph_edge WHERE namespace = p_space AND from_id = p_node)
        + (SELECT count(*) FROM @.graph_edge WHERE namespace = p_space AND to_id = p_node AND from_id <> p_node)
    INTO edges;
    IF edges > p_most THEN
        RETURN;
    END IF;
    DELETE FROM @.graph_edge WHERE namespace = p_space AND from_id = p_node;
    DELETE FROM @.graph_edge WHERE namespace = p_space AND to_id = p_node;
    DELETE FROM @.graph_node WHERE namespace = p_space AND id = p_node;
    deleted := true;
END $$;
