"""Row level security: no statement leaves its context."""

from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

from auth.session.time_travel import MOVABLE
from db.fields import Json
from db.gin import VERBS, indexed_columns
from db.row_security import ALLOWED, findings, lint, lint_login
from db.tables import METADATA
from tests import contexts
from tests.structure.review_rows import REVIEW_ROWS
from tests.structure.tenant_rows import ROWS

HOLES = {
    "DROP POLICY one_project ON documents": "no policy hides other projects from a token for one",
    "CREATE TABLE hole (id uuid PRIMARY KEY)": "row level security is not enabled and forced",
    "ALTER TABLE projects NO FORCE ROW LEVEL SECURITY": "row level security is not enabled",
    "ALTER TABLE projects DISABLE ROW LEVEL SECURITY": "row level security is not enabled",
    "DROP POLICY tenant_update ON projects": "no restrictive policy stands before each command",
    "CREATE POLICY hole ON projects USING (true)": "holds for everybody",
    "CREATE POLICY hole ON projects TO gateway_app USING (organization_id = ANY"
    " (ctx.organizations()))": "once a row instead of once a statement",
    "ALTER TABLE projects ALTER organization_id DROP NOT NULL": "has no tenant",
    "CREATE UNIQUE INDEX hole ON projects (slug, id)": "the unique key tells of other tenants",
    "ALTER TABLE projects ADD hole uuid REFERENCES documents (id)": "may leave the tenant",
    "CREATE VIEW hole AS SELECT id FROM projects": "shows its owner's rows",
    "CREATE MATERIALIZED VIEW hole AS SELECT 1 AS one; GRANT SELECT ON hole TO gateway_app": (
        "which knows no policies"
    ),
    f"GRANT SELECT ON audit_logs_{datetime.now(UTC):%Y_%m} TO gateway_app": "past the policies",
    "CREATE SEQUENCE hole; GRANT SELECT ON hole TO gateway_app": "counts the rows of all tenants",
    "GRANT DELETE ON projects TO gateway_app": "more to the table than read, insert and update",
    "GRANT TRUNCATE ON audit_logs TO gateway_app": "more to the table",
    "GRANT SELECT (user_id) ON sessions TO gateway_app": "the secrets of authentication",
    "GRANT SELECT ON ctx.context_keys TO gateway_app": "the key that signs their contexts",
    "ALTER TABLE projects OWNER TO gateway_auth": "owner is not gateway_owner",
    "CREATE FUNCTION ctx.hole() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'": (
        "with the caller's search path"
    ),
    "CREATE FUNCTION ctx.hole() RETURNS int LANGUAGE sql AS 'SELECT 1';"
    " GRANT EXECUTE ON FUNCTION ctx.hole TO PUBLIC": "may be executed by everybody",
    "CREATE FUNCTION hole() RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'": "leakproof",
    "ALTER ROLE gateway_app BYPASSRLS": "what requests must not",
    "GRANT gateway_owner TO gateway_app": "the rights of another role",
    "GRANT CREATE ON SCHEMA ctx TO PUBLIC": "everybody may create",
}

KEYS = {
    "audit_personal_data": "event_id",
    "audit_seals": "event_id",
    "idempotency_keys": "user_id",
    "baseline_items": "entity_id",
    **dict.fromkeys(
        ("audit_archives", "usage_counters", "usage_features", "usage_people"), "organization_id"
    ),
}
"""The column that identifies the row, where it is not `id`."""
OF_NO_TENANT = {"frameworks", "framework_revisions"}
"""Tables whose rows everybody who is signed in sees."""
KEPT = {"audit_archives", "audit_seals", "legal_holds"}
KEPT |= {"frameworks", "framework_revisions", "assessment_frameworks"}
KEPT |= {"usage_counters", "usage_features", "usage_people"}
ADDED_ONLY = ("audit_logs", "audit_personal_data", "usage_logs", "baseline_items", "signatures")
ADDED_ONLY += ("build_outputs", "test_results")
WRITTEN = sorted(ROWS.keys() - KEPT - {"stars", "visits", "exchange_files"})
SCOPED = [table for table in WRITTEN if " organization_id" in ROWS[table]]
PUBLIC = [t for t, row in ROWS.items() if "project_id" in row] + ["projects"]
"""The tables with a tenant's id, and those whose rows readers of a public project see."""


async def test_the_wall_has_no_hole(superuser):
    assert await lint(superuser) == []


async def test_every_allowance_is_needed(superuser):
    allowed = {(name, sentence) for sentence, names in ALLOWED.items() for name in names}
    assert set(await findings(superuser)) == allowed


@pytest.mark.slow
@pytest.mark.parametrize(("statements", "sentence"), HOLES.items(), ids=HOLES.values())
async def test_a_hole_is_found(superuser, statements, sentence):
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await superuser.execute(statements)
        assert any(sentence in problem for problem in await lint(superuser))
    finally:
        await transaction.rollback()


async def test_a_login_that_ignores_row_security_is_found(superuser):
    assert "ignores row level security" in (await lint_login(superuser))[0]


@pytest.fixture
async def tenants(superuser):
    """Yield two tenants with a row in every table, and a connection for any role."""
    transaction = superuser.transaction()
    await transaction.start()
    ours, theirs = uuid4(), uuid4()
    for id in (ours, theirs):
        for table, row in ROWS.items():
            await superuser.execute(f"INSERT INTO {table} {row}", id)

    async def enter(role="gateway_app", user=None, organizations=(), projects=()):
        await contexts.enter(superuser, user, organizations, projects, role=role)

    async def sees(table, id):
        find = f"SELECT EXISTS (SELECT FROM {table} WHERE {KEYS.get(table, 'id')} = $1)"
        return await superuser.fetchval(find, id)

    yield SimpleNamespace(ours=ours, theirs=theirs, connection=superuser, enter=enter, sees=sees)
    await transaction.rollback()


async def test_the_rows_cover_every_table_that_requests_reach(superuser):
    reached = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
        " AND relnamespace = 'public'::regnamespace"
        " AND has_table_privilege('gateway_app', oid, 'SELECT')"
    )
    assert {row["relname"] for row in reached} == set(ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("table", sorted(ROWS.keys() - OF_NO_TENANT))
async def test_a_context_shows_its_own_tenant_alone(tenants, table):
    await tenants.enter(user=tenants.ours, organizations=[tenants.ours])
    assert await tenants.sees(table, tenants.ours)
    assert not await tenants.sees(table, tenants.theirs)


@pytest.mark.slow
@pytest.mark.parametrize("table", ROWS)
async def test_without_a_context_nothing_is_seen(tenants, table):
    await tenants.enter()
    assert await tenants.connection.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.slow
@pytest.mark.parametrize("table", WRITTEN)
async def test_rows_of_another_tenant_cannot_be_changed(tenants, table):
    await tenants.enter(user=tenants.ours, organizations=[tenants.ours], projects=[tenants.theirs])
    other = {"baseline_items": "version = 2", "build_outputs": "place = 1"}
    column = other.get(table, "created_at = now()")
    update = f"UPDATE {table} SET {column} WHERE {KEYS.get(table, 'id')} = $1"
    if table in ADDED_ONLY:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tenants.connection.execute(update, tenants.ours)
        return
    assert await tenants.connection.execute(update, tenants.ours) == "UPDATE 1"
    assert await tenants.connection.execute(update, tenants.theirs) == "UPDATE 0"


@pytest.mark.slow
@pytest.mark.parametrize("table", SCOPED)
async def test_rows_cannot_be_put_into_another_tenant(tenants, table):
    await tenants.enter(user=tenants.ours, organizations=[tenants.ours])
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with tenants.connection.transaction():
            await tenants.connection.execute(f"INSERT INTO {table} {ROWS[table]}", tenants.theirs)
    if table not in ADDED_ONLY:
        refusal = "never changed" if table == "baselines" else "row-level security"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=refusal):
            await tenants.connection.execute(
                f"UPDATE {table} SET organization_id = $2 WHERE id = $1",
                tenants.ours,
                tenants.theirs,
            )


@pytest.mark.slow
@pytest.mark.parametrize("table", ROWS)
async def test_nothing_can_be_removed(tenants, table):
    await tenants.enter(user=tenants.ours, organizations=[tenants.ours])
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            async with tenants.connection.transaction():
                await tenants.connection.execute(statement)


@pytest.mark.slow
@pytest.mark.parametrize("table", ROWS)
async def test_a_public_project_shows_its_contents_and_no_more(tenants, table):
    await tenants.enter(user=tenants.ours, projects=[tenants.theirs])
    inside = {"project_members", "user_roles", "notifications", "assignments", "stars", "visits"}
    inside |= {"change_sets", "change_set_items", "comment_threads", "comments", *REVIEW_ROWS}
    inside |= {"vulnerabilities", "project_budgets"}
    # The project has the ID of all rows here, as the context of a share has that of a report.
    of_report = {"assessments", "assessment_frameworks", "compliance_documents"}
    is_shown = (table in PUBLIC and table not in inside) or table in OF_NO_TENANT | of_report
    assert await tenants.sees(table, tenants.theirs) == is_shown


WORDS = {"requirements": "stops", "documents": "D", "blocks": "B", "test_req": "brakes"}
MOVED_FROM = {f"ctx.moved_from_{column}" for column in MOVABLE}
"""The functions that find former places of rows in the audit log."""
SERVED = {TSVECTOR: ("@@",), ARRAY: ("&&", "@>"), Json: ("@>",)}
"""The operators of a GIN index, by the type of its column."""


def finders():
    """Yield every condition that a GIN index serves: its table, column, operator and function."""
    for table in METADATA.sorted_tables:
        for column in sorted(indexed_columns(table)):
            for operator in SERVED[type(table.columns[column].type)]:
                function = f"ctx.{table.name}_{column}_{VERBS[operator]}"
                yield pytest.param(table.name, column, operator, function, id=function)


async def test_every_gin_index_has_its_functions_and_no_other_is_called_so(superuser):
    functions = await superuser.fetch(
        "SELECT oid::regproc::text AS name FROM pg_proc WHERE pronamespace = 'ctx'::regnamespace"
        " AND prosecdef AND proretset AND has_function_privilege('gateway_app', oid, 'EXECUTE')"
    )
    others = {"ctx.purge", "ctx.count_requests", "ctx.claim_own_jobs", "ctx.extend_jobs"}
    found = {row["name"] for row in functions} - others
    assert found == {finder.id for finder in finders()} | MOVED_FROM


@pytest.mark.parametrize("function", sorted(MOVED_FROM))
async def test_where_a_row_has_been_is_told_to_members_alone(tenants, function):
    column = function.removeprefix("ctx.moved_from_")
    await tenants.connection.execute(
        "INSERT INTO audit_logs (id, organization_id, entity_id, entity_type, action,"
        " changed_fields, old_data) SELECT gen_random_uuid(), id, id, 'Requirement', 'update',"
        " ARRAY[$1], jsonb_build_object($1, id) FROM unnest($2::uuid[]) AS tenant (id)",
        column,
        [tenants.ours, tenants.theirs],
    )
    found = f"SELECT {function}($1, now() - interval '1 day') AS id"
    for context, expected in (
        ({}, set()),
        ({"organizations": [tenants.ours]}, {tenants.ours}),
        ({"projects": [tenants.theirs]}, set()),
    ):
        await tenants.enter(user=tenants.ours, **context)
        rows = await tenants.connection.fetch(found, [tenants.ours, tenants.theirs])
        assert {row["id"] for row in rows} == expected


@pytest.mark.slow
@pytest.mark.parametrize(("table", "column", "operator", "function"), [*finders()])
async def test_an_index_finds_what_the_policies_show(tenants, table, column, operator, function):
    if column == "search":
        sought = f"to_tsquery('english', '{WORDS.get(table, 'Rover')}')"
    elif column == "properties":
        sought = """'{"asil": {"level": "D"}}'::jsonb"""
        await tenants.connection.execute(f"UPDATE {table} SET {column} = {sought}")
    else:
        sought = {"&&": "'{brakes, wheels}'::text[]", "@>": "'{brakes}'::text[]"}[operator]
        await tenants.connection.execute(f"UPDATE {table} SET {column} = '{{brakes, road}}'")
    scan = f"SELECT id FROM {table} WHERE {column} {operator} {sought}"
    index = f"SELECT {function}({sought}) AS id"
    for context, expected in (
        ({}, set()),
        ({"organizations": [tenants.ours]}, {tenants.ours}),
        ({"projects": [tenants.theirs]}, {tenants.theirs}),
    ):
        await tenants.enter(user=tenants.ours, **context)
        for query in (scan, index):
            assert {row["id"] for row in await tenants.connection.fetch(query)} == expected


async def test_a_key_into_another_tenant_is_refused_like_one_to_nothing(tenants):
    await tenants.enter(user=tenants.ours, organizations=[tenants.ours])
    refusals = []
    for project in (tenants.theirs, uuid4()):
        with pytest.raises(asyncpg.ForeignKeyViolationError) as refusal:
            async with tenants.connection.transaction():
                await tenants.connection.execute(
                    "INSERT INTO test_req (organization_id, project_id, title)"
                    " VALUES ($1, $2, 'Brake test')",
                    tenants.ours,
                    project,
                )
        refusals.append(refusal.value.message.replace(str(project), "the project"))
    assert refusals[0] == refusals[1]


async def test_people_see_those_with_whom_they_share_a_tenant_and_change_themselves(tenants):
    await tenants.enter(user=tenants.ours, organizations=[tenants.ours, tenants.theirs])
    assert await tenants.sees("profiles", tenants.theirs)
    rename = "UPDATE profiles SET full_name = 'Someone' WHERE id = $1"
    assert await tenants.connection.execute(rename, tenants.theirs) == "UPDATE 0"
    assert await tenants.connection.execute(rename, tenants.ours) == "UPDATE 1"


async def test_notifications_are_for_their_reader_and_come_from_anyone_in_the_tenant(tenants):
    sender = uuid4()
    await tenants.enter(user=sender, organizations=[tenants.ours])
    assert not await tenants.sees("notifications", tenants.ours)
    sent = await tenants.connection.fetchval(
        "INSERT INTO notifications (organization_id, user_id, title, created_by)"
        " VALUES ($1, $1, 'Look', $2) RETURNING id",
        tenants.ours,
        sender,
    )
    read = "UPDATE notifications SET unread = false WHERE id = $1"
    assert await tenants.connection.execute(read, sent) == "UPDATE 0"
    await tenants.enter(user=tenants.ours, organizations=[tenants.ours])
    assert await tenants.connection.execute(read, sent) == "UPDATE 1"


async def test_an_event_outside_every_tenant_belongs_to_its_actor(tenants):
    insert = (
        "INSERT INTO audit_logs (id, entity_id, entity_type, action, actor_id)"
        " VALUES ($1, $1, 'session', 'login', $2)"
    )
    await tenants.enter(user=tenants.ours)
    event = uuid4()
    await tenants.connection.execute(insert, event, tenants.ours)
    assert await tenants.sees("audit_logs", event)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with tenants.connection.transaction():
            await tenants.connection.execute(insert, uuid4(), tenants.theirs)
    await tenants.enter(user=tenants.theirs, organizations=[tenants.theirs])
    assert not await tenants.sees("audit_logs", event)


async def test_authentication_reads_memberships_of_all_tenants_and_changes_none(tenants):
    await tenants.enter("gateway_auth")
    for table in ("organization_members", "project_members", "user_roles", "projects"):
        assert await tenants.sees(table, tenants.theirs)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with tenants.connection.transaction():
                await tenants.connection.execute(f"UPDATE {table} SET created_at = now()")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await tenants.connection.execute("SELECT FROM requirements")


async def test_the_context_is_read_once_a_statement(tenants):
    await tenants.enter(user=tenants.ours, organizations=[tenants.ours])
    plan = await tenants.connection.fetch("EXPLAIN SELECT id FROM requirements")
    text = "\n".join(row[0] for row in plan)
    assert "InitPlan" in text
    assert "current_setting" not in text
