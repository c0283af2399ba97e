"""Stars of projects, last visits, and when members were last active."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME, identifier

revision = "2026_12_01_stars"
down_revision = "2026_12_01_usage"

TABLES = ("stars", "visits")
MYSELF = "user_id = (SELECT ctx.user_id())"
ERASE, EXPORT = "ctx.erase_person(uuid)", "ctx.export_person(uuid)"
ERASED = "('notifications', 'DELETE FROM public.notifications WHERE user_id = $1'),"
EXPORTED = "('notifications', 'user_id = $1'),"
MORE_ERASED = """
        ('stars', 'DELETE FROM public.stars WHERE user_id = $1'),
        ('visits', 'DELETE FROM public.visits WHERE user_id = $1'),"""
MORE_EXPORTED = """
        ('stars', 'user_id = $1'),
        ('visits', 'user_id = $1'),"""

# Only projects of the viewer's tenants and public ones: what the viewer may read within them is
# for the caller to check.
IN_REACH = (
    "p.id = project AND p.deleted_at IS NULL AND (p.organization_id = ANY (ctx.organizations())"
    " OR p.id = ANY (ctx.projects()))"
)
STAR = f"""
CREATE FUNCTION ctx.star(project uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.stars (organization_id, project_id, user_id)
    SELECT p.organization_id, p.id, ctx.user_id() FROM public.projects AS p WHERE {IN_REACH}
    ON CONFLICT (organization_id, project_id, user_id) DO NOTHING;
    RETURN FOUND;
END $$
"""  # noqa: S608 (ours)
UNSTAR = """
CREATE FUNCTION ctx.unstar(project uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.stars AS s WHERE s.project_id = project AND s.user_id = ctx.user_id();
    RETURN FOUND;
END $$
"""
# The project keeps its version: a star is no edit of it.
COUNT = """
CREATE FUNCTION ctx.count_star() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE public.projects SET star_count = star_count + 1 WHERE id = NEW.project_id;
    ELSE
        UPDATE public.projects SET star_count = star_count - 1 WHERE id = OLD.project_id;
    END IF;
    RETURN NULL;
END $$
"""
# Of each kind, the last 20 are kept. The time at a membership is written once an hour at most.
VISIT = f"""
CREATE FUNCTION ctx.visit(project uuid, document uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant uuid := (SELECT p.organization_id FROM public.projects AS p WHERE {IN_REACH});
    person uuid := ctx.user_id();
BEGIN
    IF tenant IS NULL OR person IS NULL THEN
        RETURN false;
    END IF;
    PERFORM FROM public.profiles AS p WHERE p.id = person FOR NO KEY UPDATE;
    IF document IS NULL THEN
        INSERT INTO public.visits (organization_id, project_id, user_id)
        VALUES (tenant, project, person)
        ON CONFLICT (organization_id, user_id, project_id) WHERE document_id IS NULL
            DO UPDATE SET visited_at = clock_timestamp();
    ELSE
        INSERT INTO public.visits (organization_id, project_id, document_id, user_id)
        VALUES (tenant, project, document, person)
        ON CONFLICT (organization_id, user_id, document_id) WHERE document_id IS NOT NULL
            DO UPDATE SET visited_at = clock_timestamp();
    END IF;
    DELETE FROM public.visits WHERE id IN (
        SELECT v.id FROM public.visits AS v
        WHERE v.user_id = person AND (v.document_id IS NULL) = (document IS NULL)
        ORDER BY v.visited_at DESC, v.id DESC OFFSET 20);
    UPDATE public.project_members AS m SET last_accessed_at = clock_timestamp()
    WHERE m.project_id = project AND m.user_id = person AND m.deleted_at IS NULL
        AND (m.last_accessed_at IS NULL
            OR m.last_accessed_at < clock_timestamp() - interval '1 hour');
    RETURN true;
END $$
"""  # noqa: S608 (ours)
FUNCTIONS = {"ctx.star(uuid)": STAR, "ctx.unstar(uuid)": UNSTAR, "ctx.visit(uuid, uuid)": VISIT}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_stars()
    create_visits()
    for table in TABLES:
        wall(table)
    op.execute(COUNT)
    op.execute(
        "CREATE TRIGGER count_star AFTER INSERT OR DELETE ON stars"
        " FOR EACH ROW EXECUTE FUNCTION ctx.count_star()"
    )
    for signature, function in FUNCTIONS.items():
        op.execute(function)
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO gateway_app")
    op.execute("GRANT UPDATE (last_active_at) ON organization_members TO gateway_auth")
    replace_in(ERASE, ERASED, ERASED + MORE_ERASED)
    replace_in(EXPORT, EXPORTED, EXPORTED + MORE_EXPORTED)


def create_stars() -> None:
    op.create_table(
        "stars",
        *keys(),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stars"),
        sa.ForeignKeyConstraint(["user_id"], ["profiles.id"], name="fk_stars_user_id"),
        project_key("stars"),
        sa.UniqueConstraint(
            "organization_id",
            "project_id",
            "user_id",
            name="uq_stars_organization_id_project_id_user_id",
        ),
    )
    op.create_index("ix_stars_project_id", "stars", ["project_id"])
    op.create_index("ix_stars_user_id_project_id", "stars", ["user_id", "project_id"])


def create_visits() -> None:
    op.create_table(
        "visits",
        *keys(),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("visited_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_visits"),
        sa.ForeignKeyConstraint(["user_id"], ["profiles.id"], name="fk_visits_user_id"),
        project_key("visits"),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id"],
            ["documents.organization_id", "documents.project_id", "documents.id"],
            name="fk_visits_document_id",
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
    )
    for name, columns, condition in (
        ("uq_visits_project", ["organization_id", "user_id", "project_id"], "document_id IS NULL"),
        (
            "uq_visits_document",
            ["organization_id", "user_id", "document_id"],
            "document_id IS NOT NULL",
        ),
    ):
        op.create_index(name, "visits", columns, unique=True, postgresql_where=sa.text(condition))
    op.create_index("ix_visits_user_id_visited_at", "visits", ["user_id", "visited_at"])
    for column in ("project_id", "document_id"):
        op.create_index(f"ix_visits_{column}", "visits", [column])


def keys() -> tuple[sa.Column[object], ...]:
    """Return the columns of the place and the person of a row."""
    return (
        identifier(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
    )


def project_key(table: str) -> sa.ForeignKeyConstraint:
    """Return the foreign key to the project, with which the row is purged."""
    return sa.ForeignKeyConstraint(
        ["organization_id", "project_id"],
        ["projects.organization_id", "projects.id"],
        name=f"fk_{table}_project_id",
        ondelete="CASCADE",
    )


def wall(table: str) -> None:
    """Show people their own rows alone, which functions write."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({MYSELF})"),
        ("INSERT", "WITH CHECK (false)"),
        ("UPDATE", "USING (false)"),
        ("DELETE", "USING (false)"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {table}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute(f"GRANT SELECT ON {table} TO gateway_app")


def replace_in(function: str, old: str, new: str) -> None:
    """Replace a part of the definition of a function."""
    bind = op.get_bind()
    signature = sa.text("SELECT pg_get_functiondef(CAST(:name AS regprocedure))")
    text: str = bind.execute(signature, {"name": function}).scalar_one()
    if old not in text:
        raise LookupError(f"{function} has no {old}.")
    bind.exec_driver_sql(text.replace(old, new))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    replace_in(ERASE, MORE_ERASED, "")
    replace_in(EXPORT, MORE_EXPORTED, "")
    op.execute("REVOKE UPDATE (last_active_at) ON organization_members FROM gateway_auth")
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION ctx.count_star()")
