"""Rules by which requirements and test cases are numbered, and the counters of their prefixes."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, create_enums, enum, history, identifier

revision = "2026_11_30_numbering"
down_revision = "2026_11_30_test_results"

TAKEN = "take_numbers(numbered_type, uuid[], text[])"
ENUMS = {"numbered_type": ("requirement", "test_case")}
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
PUBLIC_PROJECT = "project_id = ANY ((SELECT ctx.projects())::uuid[])"

# An identifier for each of the rows that are about to be inserted at these places, in their order.
# One statement takes all numbers of a prefix; prefixes come in the same order for everybody, so
# that no two wait for each other. A counter stays locked until the end of the transaction; what is
# rolled back was never given. The function sees no row of another tenant.
TAKE_NUMBERS = """
CREATE FUNCTION ctx.take_numbers(numbered numbered_type, places uuid[], levels text[])
RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item_projects uuid[];
    item_prefixes text[];
    item_widths int[];
    projects uuid[] := '{}';
    prefixes text[] := '{}';
    lasts bigint[] := '{}';
    wanted record;
    taken bigint;
BEGIN
    WITH items AS (
        SELECT i.place_id, i.level, i.number,
            CASE numbered WHEN 'requirement' THEN d.project_id ELSE p.id END AS project_id
        FROM unnest(places, levels) WITH ORDINALITY AS i (place_id, level, number)
        LEFT JOIN public.documents AS d ON d.id = i.place_id AND numbered = 'requirement'
            AND d.organization_id = ANY (ctx.organizations())
        LEFT JOIN public.projects AS p ON p.id = i.place_id AND numbered = 'test_case'
            AND p.organization_id = ANY (ctx.organizations())
    ), rules AS (
        SELECT k.place_id, k.level, r.prefix, r.width
        FROM (SELECT DISTINCT place_id, level, project_id FROM items) AS k
        CROSS JOIN LATERAL (
            SELECT n.prefix, n.width FROM public.numbering_rules AS n
            WHERE n.project_id = k.project_id AND n.numbers = numbered AND n.deleted_at IS NULL
                AND (n.document_id IS NULL OR n.document_id = k.place_id)
                AND (n.level IS NULL OR n.level::text = k.level)
            ORDER BY n.document_id IS NULL, n.level IS NULL LIMIT 1
        ) AS r
    )
    SELECT array_agg(i.project_id ORDER BY i.number), array_agg(r.prefix ORDER BY i.number),
        array_agg(r.width ORDER BY i.number)
    INTO item_projects, item_prefixes, item_widths
    FROM items AS i LEFT JOIN rules AS r
        ON r.place_id = i.place_id AND r.level IS NOT DISTINCT FROM i.level
    HAVING count(r.prefix) > 0;
    IF item_prefixes IS NULL THEN
        RETURN NULL;
    END IF;
    FOR wanted IN
        SELECT p.organization_id, p.id AS project_id, i.prefix, count(*) AS number
        FROM unnest(item_projects, item_prefixes) AS i (project_id, prefix)
        JOIN public.projects AS p ON p.id = i.project_id
        WHERE i.prefix IS NOT NULL
        GROUP BY 1, 2, 3 ORDER BY 2, 3
    LOOP
        INSERT INTO public.number_counters AS c (organization_id, project_id, prefix, last)
        VALUES (wanted.organization_id, wanted.project_id, wanted.prefix, wanted.number)
        ON CONFLICT (organization_id, project_id, prefix)
            DO UPDATE SET last = c.last + excluded.last
        RETURNING c.last INTO taken;
        projects := projects || wanted.project_id;
        prefixes := prefixes || wanted.prefix;
        lasts := lasts || taken - wanted.number;
    END LOOP;
    RETURN (
        SELECT array_agg(i.prefix || lpad(n.digits, greatest(i.width, length(n.digits)), '0')
            ORDER BY i.number)
        FROM (
            SELECT u.*, row_number() OVER (PARTITION BY u.project_id, u.prefix ORDER BY u.number)
                AS place
            FROM unnest(item_projects, item_prefixes, item_widths)
                WITH ORDINALITY AS u (project_id, prefix, width, number)
        ) AS i
        LEFT JOIN unnest(projects, prefixes, lasts) AS c (project_id, prefix, last)
            ON c.project_id = i.project_id AND c.prefix = i.prefix
        CROSS JOIN LATERAL (SELECT (c.last + i.place)::text AS digits) AS n
    );
END $$
"""

# Whether there are rules for these documents or projects, for whoever creates rows there.
IS_NUMBERED = """
CREATE FUNCTION ctx.is_numbered(numbered numbered_type, places uuid[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT EXISTS (
    SELECT FROM public.numbering_rules AS n
    WHERE n.numbers = numbered AND n.deleted_at IS NULL
        AND (n.project_id = ANY (places) OR n.project_id IN (
            SELECT d.project_id FROM public.documents AS d WHERE d.id = ANY (places)))
)
$$
"""

# A counter begins behind the numbers that are in use with its prefix, those of deleted rows too.
BEGIN_NUMBERING = """
CREATE FUNCTION ctx.begin_numbering() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.number_counters AS c (organization_id, project_id, prefix, last)
    SELECT NEW.organization_id, NEW.project_id, NEW.prefix,
        coalesce(max(ctx.number_in(u.name, NEW.prefix)), 0)
    FROM (
        SELECT external_id AS name FROM public.requirements WHERE project_id = NEW.project_id
        UNION ALL SELECT test_id FROM public.test_req WHERE project_id = NEW.project_id
    ) AS u
    ON CONFLICT (organization_id, project_id, prefix)
        DO UPDATE SET last = greatest(c.last, excluded.last);
    RETURN NULL;
END $$
"""
NUMBER_IN = """
CREATE FUNCTION ctx.number_in(name text, prefix text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN starts_with(name, prefix) AND substr(name, length(prefix) + 1) ~ '^[0-9]{1,9}$'
    THEN substr(name, length(prefix) + 1)::bigint END
"""

# Identifiers that clients give move the counters of the project beyond them. Rows are inserted
# many at a time; of an update, only one that changes the identifier or the project gets here.
SKIP_INSERTED = """
CREATE FUNCTION ctx.skip_inserted_{table}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.number_counters AS c SET last = used.number
    FROM (
        SELECT k.organization_id, k.project_id, k.prefix,
            max(ctx.number_in(a.{column}, k.prefix)) AS number
        FROM added AS a
        JOIN public.number_counters AS k
            ON k.organization_id = a.organization_id AND k.project_id = a.project_id
        GROUP BY 1, 2, 3
    ) AS used
    WHERE c.organization_id = used.organization_id AND c.project_id = used.project_id
        AND c.prefix = used.prefix AND c.last < used.number;
    RETURN NULL;
END $$
"""
SKIP_UPDATED = """
CREATE FUNCTION ctx.skip_updated_{table}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.number_counters AS c SET last = ctx.number_in(NEW.{column}, c.prefix)
    WHERE c.organization_id = NEW.organization_id AND c.project_id = NEW.project_id
        AND c.last < ctx.number_in(NEW.{column}, c.prefix);
    RETURN NULL;
END $$
"""
COLUMNS = {"requirements": "external_id", "test_req": "test_id"}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("ALTER TYPE resource_type ADD VALUE IF NOT EXISTS 'numbering_rule'")
    create_enums(ENUMS)
    create_tables()
    wall("numbering_rules", f"{OWN_TENANT} OR {PUBLIC_PROJECT}", OWN_TENANT)
    op.execute("GRANT SELECT, INSERT, UPDATE ON numbering_rules TO gateway_app")
    wall("number_counters", "false", "false")
    for function in (NUMBER_IN, IS_NUMBERED, TAKE_NUMBERS, BEGIN_NUMBERING):
        op.execute(function)
    for arguments in ("is_numbered(numbered_type, uuid[])", TAKEN):
        op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{arguments} TO gateway_app")
    op.execute(
        "CREATE TRIGGER begin_numbering AFTER INSERT OR UPDATE OF prefix, project_id"
        " ON numbering_rules FOR EACH ROW EXECUTE FUNCTION ctx.begin_numbering()"
    )
    for table, column in COLUMNS.items():
        for function in (SKIP_INSERTED, SKIP_UPDATED):
            op.execute(function.format(table=table, column=column))
        op.execute(
            f"CREATE TRIGGER skip_inserted AFTER INSERT ON {table} REFERENCING NEW TABLE AS added"
            f" FOR EACH STATEMENT EXECUTE FUNCTION ctx.skip_inserted_{table}()"
        )
        op.execute(
            f"CREATE TRIGGER skip_updated AFTER UPDATE OF {column}, project_id ON {table}"
            " FOR EACH ROW WHEN"
            f" ((NEW.{column}, NEW.project_id) IS DISTINCT FROM (OLD.{column}, OLD.project_id))"
            f" EXECUTE FUNCTION ctx.skip_updated_{table}()"
        )


def create_tables() -> None:
    op.create_table(
        "numbering_rules",
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("numbers", enum("numbered_type"), server_default="requirement", nullable=False),
        sa.Column("level", enum("requirement_level"), nullable=True),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), server_default=sa.text("3"), nullable=False),
        *history(),
        sa.PrimaryKeyConstraint("id", name="pk_numbering_rules"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_numbering_rules_project_id",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id"],
            ["documents.organization_id", "documents.project_id", "documents.id"],
            name="fk_numbering_rules_document_id",
            onupdate="CASCADE",
        ),
        sa.CheckConstraint(
            r"prefix ~ '^\S{0,39}[^0-9\s]$'", name=op.f("ck_numbering_rules_prefix_format")
        ),
        sa.CheckConstraint("width BETWEEN 1 AND 9", name=op.f("ck_numbering_rules_width_range")),
    )
    op.create_index(
        "uq_numbering_rules_project_id_document_id_numbers_level",
        "numbering_rules",
        ["organization_id", "project_id", "document_id", "numbers", "level"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    for scope in ("project_id", "document_id", "organization_id"):
        op.create_index(
            f"ix_numbering_rules_{scope}_created_at_id",
            "numbering_rules",
            [scope, "created_at", "id"],
        )
    op.create_index(
        "ix_numbering_rules_trash",
        "numbering_rules",
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_table(
        "number_counters",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "project_id", "prefix", name="pk_number_counters"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name="fk_number_counters_project_id",
        ),
        sa.CheckConstraint("last >= 0", name=op.f("ck_number_counters_last_not_negative")),
        # Rows are updated in their own page, which has room for the next version of each.
        postgresql_with={"fillfactor": 40},
    )
    op.create_index("ix_number_counters_project_id", "number_counters", ["project_id"])


def wall(table: str, read: str, change: str) -> None:
    """Admit these rows alone to requests."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({read})"),
        ("INSERT", f"WITH CHECK ({change})"),
        ("UPDATE", f"USING ({change})"),
        ("DELETE", f"USING ({change})"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {table}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )


def downgrade() -> None:
    """Keep the label in `resource_type`: events may have it."""
    op.execute(LOCK_TIMEOUT)
    for table in COLUMNS:
        for name in ("inserted", "updated"):
            op.execute(f"DROP TRIGGER skip_{name} ON {table}")
            op.execute(f"DROP FUNCTION ctx.skip_{name}_{table}()")
    for table in ("number_counters", "numbering_rules"):
        op.drop_table(table)
    op.execute("DROP FUNCTION ctx.begin_numbering()")
    op.execute(f"DROP FUNCTION ctx.{TAKEN}")
    op.execute("DROP FUNCTION ctx.is_numbered(numbered_type, uuid[])")
    op.execute("DROP FUNCTION ctx.number_in(text, text)")
    op.execute("DROP TYPE numbered_type")
