-- The columns of a relation, and how the default order of each one's type compares: its operators, with their schemas.
WITH relation AS (
    SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2
), base AS (
    SELECT a.attnum, t.oid AS type, t.typtype, t.typelem, t.typcategory
    FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
        JOIN pg_catalog.pg_type d ON d.oid = a.atttypid
        JOIN pg_catalog.pg_type t ON t.oid = CASE d.typtype WHEN 'd' THEN d.typbasetype ELSE d.oid END
    WHERE a.attnum > 0 AND NOT a.attisdropped
), ordered AS (
    SELECT b.attnum, b.type, o.oid AS class, o.opcfamily AS family, o.opcintype AS input
    FROM base b CROSS JOIN LATERAL (
        SELECT o.oid, o.opcfamily, o.opcintype
        FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
        WHERE m.amname = 'btree' AND o.opcdefault AND (
            o.opcintype = b.type
            OR o.opcintype = CASE
                WHEN b.typtype = 'e' THEN 'anyenum'::pg_catalog.regtype
                WHEN b.typtype = 'r' THEN 'anyrange'::pg_catalog.regtype
                WHEN b.typcategory = 'A' AND EXISTS (
                    SELECT FROM pg_catalog.pg_opclass e JOIN pg_catalog.pg_type s ON s.oid = b.typelem
                    WHERE e.opcmethod = o.opcmethod AND e.opcdefault
                        AND (e.opcintype = s.oid OR s.typtype = 'e' OR s.oid = 'varchar'::pg_catalog.regtype)
                ) THEN 'anyarray'::pg_catalog.regtype
            END
            OR EXISTS (
                SELECT FROM pg_catalog.pg_cast k JOIN pg_catalog.pg_type p ON p.oid = k.casttarget
                WHERE k.castsource = b.type AND k.casttarget = o.opcintype AND k.castmethod = 'b' AND p.typispreferred
            )
        )
        ORDER BY o.opcintype = b.type DESC LIMIT 1
    ) o
)
SELECT a.attname::text AS name, a.attnum::int4 AS number, a.atttypid::int8 AS type, b.type::int8 AS base,
    b.typtype::text AS sort_of_type, pg_catalog.format_type(a.atttypid, a.atttypmod) AS store_type,
    pg_catalog.format_type(a.atttypid, -1) AS cast_type, NOT a.attnotnull AS nullable,
    a.attgenerated <> '' OR a.attidentity = 'a' AS generated, a.attcollation::int8 AS collation,
    c.collname::text AS collation_name,
    c.collname IN ('C', 'POSIX', 'ucs_basic') OR (c.collname = 'default' AND d.datcollate IN ('C', 'POSIX')) AS by_bytes,
    d.datcollate::text AS usual_collation, o.class::int8 AS class,
    p.below, p.equal, p.above
FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid JOIN base b ON b.attnum = a.attnum
    JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
    LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
    LEFT JOIN ordered o ON o.attnum = a.attnum
    LEFT JOIN LATERAL (
        SELECT pg_catalog.max(q.operator) FILTER (WHERE q.strategy = 1) AS below,
            pg_catalog.max(q.operator) FILTER (WHERE q.strategy = 3) AS equal,
            pg_catalog.max(q.operator) FILTER (WHERE q.strategy = 5) AS above
        FROM (
            SELECT m.amopstrategy AS strategy, pg_catalog.format('OPERATOR(%I.%s)', s.nspname, p.oprname) AS operator
            FROM pg_catalog.pg_amop m JOIN pg_catalog.pg_operator p ON p.oid = m.amopopr
                JOIN pg_catalog.pg_namespace s ON s.oid = p.oprnamespace
            WHERE m.amopfamily = o.family AND m.amoplefttype = o.input AND m.amoprighttype = o.input
        ) q
    ) p ON true
ORDER BY a.attnum
