"""What Reader asks PostgreSQL's catalogue."""

from importlib import resources
from typing import Final

COLUMNS: Final = resources.files(__package__).joinpath("columns.sql").read_text()

_RELATION: Final = """FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"""

RELATION: Final = f"""SELECT c.oid::int8 AS number, c.relkind::text AS sort,
    pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT') AS readable
{_RELATION}"""

INDEXES: Final = """
SELECT x.relname::text AS name, i.indisunique AND i.indimmediate AS is_unique, i.indisprimary AS is_primary,
    i.indnkeyatts::int4 AS keys, k.place::int4 AS place, k.number::int4 AS number,
    i.indoption[k.place - 1]::int4 AS option, i.indclass[k.place - 1]::int8 AS class,
    i.indcollation[k.place - 1]::int8 AS collation
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    JOIN pg_catalog.pg_am m ON m.oid = x.relam
    CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
WHERE i.indrelid = $1::oid AND m.amname = 'btree' AND i.indisvalid AND i.indisready AND i.indpred IS NULL
    AND k.place <= i.indnkeyatts
ORDER BY i.indisprimary DESC, x.relname, k.place"""

STATE: Final = f"""SELECT pg_catalog.md5(pg_catalog.concat(c.oid, c.relkind, c.relrowsecurity, (
    SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation,
        a.attnotnull, a.attgenerated), ',' ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
), (
    SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', i.indexrelid, i.indisvalid), ',' ORDER BY i.indexrelid)
    FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid
)))
{_RELATION}"""  # noqa: S608 - nothing of a caller's
"""What changes whenever the columns or indexes of a relation do."""

TABLES: Final = """SELECT c.relname::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition ORDER BY 1"""

UNBOUND: Final = """
WITH RECURSIVE within AS (
    SELECT $1::oid AS relation, false AS as_owner, NULL::oid AS owner
    UNION
    SELECT d.refobjid, coalesce(NOT (v.reloptions @> ARRAY['security_invoker=true']
        OR v.reloptions @> ARRAY['security_invoker=on']), true), v.relowner
    FROM within w JOIN pg_catalog.pg_class v ON v.oid = w.relation AND v.relkind IN ('v', 'm')
        JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
            AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> v.oid
)
SELECT c.relname::text
FROM within w JOIN pg_catalog.pg_class c ON c.oid = w.relation
    JOIN pg_catalog.pg_roles o ON o.oid = CASE WHEN w.as_owner THEN w.owner ELSE current_user::regrole::oid END
WHERE c.relrowsecurity AND EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid)
    AND (o.rolsuper OR o.rolbypassrls OR (NOT c.relforcerowsecurity
        AND pg_catalog.pg_has_role(o.oid, c.relowner, 'USAGE')))
LIMIT 1"""
"""A table with policies that do not bind the role that reads it: the session's, or the owner of a view."""


SET: Final = "SELECT pg_catalog.set_config($1, $2, true)"
"""Sets something for the rest of the transaction."""
