"""The rows of the comparison: written into the gateway's tables, then copied to the peers'.

200 projects of 10 documents of 5 blocks of 20 requirements in one organization, with 60,000
assignments; in a second organization of the same viewer a project of 10,000 requirements and one
of 100, for growth; in a third, which the viewer may not see, 20 projects more.
"""

import hashlib
import tempfile
from dataclasses import dataclass
from uuid import UUID

import asyncpg

DOCUMENTS, BLOCKS, REQUIREMENTS = 10, 5, 20
PEOPLE = 2_000
ASSIGNMENTS = 300
"""Assignments for each project of the first organization."""
MOST_BLOCKS = 50
"""The number of blocks of a document that the numbering leaves room for."""
SMALL, LARGE, HIDDEN = 1_000, 1_001, 1_010
"""The numbers of projects: of 100 and 10,000 requirements, and the first hidden one."""
HIDDEN_PROJECTS = 20
DATABASE = "peers"

# Ids are UUIDs of version 7, so that ordering by id is ordering by creation, as in a live system;
# they follow from a number, so that each run asks for the same rows.
IDENTITY = """
CREATE FUNCTION pg_temp.id(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(1735689600000 + n), 12, '0') || '7' || substr(digest, 1, 3)
        || '8' || substr(digest, 4, 15))::uuid
    FROM (SELECT md5(kind || ':' || n)) AS hashed (digest) $$
"""
SHAPE = """
CREATE TEMPORARY TABLE shape AS
SELECT 0 AS organization, n AS project, {documents} AS documents, {blocks} AS blocks,
    {requirements} AS requirements FROM generate_series(0, {projects} - 1) AS n
UNION ALL VALUES (1, {small}, 10, 1, 10), (1, {large}, 10, 50, 20)
UNION ALL SELECT 2, n, {documents}, {blocks}, {requirements}
    FROM generate_series({hidden}, {hidden} + {hidden_projects} - 1) AS n
"""
FILL = (
    """INSERT INTO organizations (id, name, slug, billing_plan, max_monthly_requests, max_members)
    SELECT pg_temp.id('organization', n), 'Organization ' || n, 'peers-' || n, 'enterprise',
        1000000000, 1000000000 FROM generate_series(0, 2) AS n""",
    """INSERT INTO profiles (id, email, full_name, is_approved)
    SELECT pg_temp.id('person', n), 'person-' || n || '@peers.example', 'Person ' || n, true
    FROM generate_series(0, {people} - 1) AS n""",
    """INSERT INTO organization_members (organization_id, user_id, role)
    SELECT pg_temp.id('organization', 0), pg_temp.id('person', n), 'member'
    FROM generate_series(0, {people} - 1) AS n""",
    """INSERT INTO organization_members (organization_id, user_id, role)
    SELECT pg_temp.id('organization', n), $1::uuid, 'owner' FROM generate_series(0, 1) AS n""",
    """INSERT INTO projects (id, organization_id, name, slug)
    SELECT pg_temp.id('project', project), pg_temp.id('organization', organization),
        'Project ' || project, 'project-' || project FROM shape""",
    """CREATE TEMPORARY TABLE places AS
    SELECT *, project * 10 + d AS document FROM shape, generate_series(0, documents - 1) AS d""",
    """INSERT INTO documents (id, organization_id, project_id, name, slug, position)
    SELECT pg_temp.id('document', document), pg_temp.id('organization', organization),
        pg_temp.id('project', project), 'Document ' || d, 'document-' || d, d FROM places""",
    """CREATE TEMPORARY TABLE parts AS
    SELECT *, document * {most_blocks} + b AS block
    FROM places, generate_series(0, blocks - 1) AS b""",
    """INSERT INTO blocks (id, organization_id, project_id, document_id, name, position)
    SELECT pg_temp.id('block', block), pg_temp.id('organization', organization),
        pg_temp.id('project', project), pg_temp.id('document', document), 'Block ' || b, b
    FROM parts""",
    """INSERT INTO requirements (id, organization_id, project_id, document_id, block_id,
        external_id, name, description, status, priority, level, position, tags, properties,
        created_at, updated_at)
    SELECT pg_temp.id('requirement', n), pg_temp.id('organization', organization),
        pg_temp.id('project', project), pg_temp.id('document', document),
        pg_temp.id('block', block), 'REQ-' || n, 'The system shall "do" thing ' || n,
        'The system shall provide capability ' || n || E' under all nominal conditions,\n'
            || 'including degraded modes, and report the outcome to the operator within '
            || n % 100 || ' ms as required by section ' || n % 17 || '. ' || md5(n::text),
        (enum_range(NULL::requirement_status))[1 + n % 8],
        (enum_range(NULL::requirement_priority))[1 + n % 5],
        (enum_range(NULL::requirement_level))[1 + n % 6],
        r + 0.5, ARRAY['safety', 'tag-' || n % 13],
        jsonb_build_object('weight', n % 7, 'owner', 'team-' || n % 9),
        timestamptz '2025-01-01' + n * interval '1 ms',
        timestamptz '2025-06-01' + n * interval '1.123456 s'
    FROM (SELECT *, (block * {requirements} + r)::bigint AS n
        FROM parts, generate_series(0, requirements - 1) AS r) AS numbered""",
    """INSERT INTO assignments (id, organization_id, project_id, entity_id, entity_type,
        assignee_id, role, created_at)
    SELECT pg_temp.id('assignment', n), pg_temp.id('organization', 0),
        pg_temp.id('project', r / 1000), pg_temp.id('requirement', {requirement}), 'requirement',
        pg_temp.id('person', n * 7919 % {people}),
        (ARRAY['assignee', 'reviewer'])[1 + n % 2]::assignment_role,
        timestamptz '2025-02-01' + n * interval '1 ms'
    FROM (SELECT n, (n * 3 + n % 3 * 7) % ({projects} * 1000) AS r
        FROM generate_series(0::bigint, {projects} * {assignments} - 1) AS n) AS spread""",
)
TABLES = """
CREATE TYPE status AS ENUM ({statuses});
CREATE TYPE priority AS ENUM ({priorities});
CREATE TYPE level AS ENUM ({levels});
CREATE TYPE role AS ENUM ({roles});
CREATE TABLE profiles (id uuid PRIMARY KEY, full_name text NOT NULL, email text NOT NULL);
CREATE TABLE projects (id uuid PRIMARY KEY, organization_id uuid NOT NULL, name text NOT NULL);
CREATE TABLE documents (id uuid PRIMARY KEY, organization_id uuid NOT NULL,
    project_id uuid NOT NULL REFERENCES projects, name text NOT NULL, position float8 NOT NULL);
CREATE TABLE blocks (id uuid PRIMARY KEY, organization_id uuid NOT NULL,
    document_id uuid NOT NULL REFERENCES documents, name text NOT NULL, position float8 NOT NULL);
CREATE TABLE requirements (id uuid PRIMARY KEY, organization_id uuid NOT NULL,
    project_id uuid NOT NULL REFERENCES projects, document_id uuid NOT NULL REFERENCES documents,
    block_id uuid NOT NULL REFERENCES blocks, external_id text, name text NOT NULL,
    description text, status status NOT NULL, priority priority NOT NULL, level level NOT NULL,
    position float8 NOT NULL, tags text[] NOT NULL, properties jsonb NOT NULL,
    version bigint NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);
CREATE TABLE assignments (id uuid PRIMARY KEY, organization_id uuid NOT NULL,
    requirement_id uuid NOT NULL REFERENCES requirements,
    assignee_id uuid NOT NULL REFERENCES profiles, role role NOT NULL,
    created_at timestamptz NOT NULL);
CREATE TABLE changes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, requirement_id uuid
    NOT NULL, version bigint NOT NULL, fields text[] NOT NULL, data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now());
"""
INDEXES = """
CREATE INDEX ON documents (project_id, position);
CREATE INDEX ON blocks (document_id, position);
CREATE INDEX ON requirements (project_id, id);
CREATE INDEX ON requirements (document_id, position, id);
CREATE INDEX ON requirements (block_id, position);
CREATE INDEX ON requirements (organization_id);
CREATE INDEX ON assignments (requirement_id, id);
CREATE INDEX ON assignments (assignee_id);
"""
COPIES = {
    "profiles": "SELECT id, coalesce(full_name, ''), email FROM profiles",
    "projects": "SELECT id, organization_id, name FROM projects",
    "documents": "SELECT id, organization_id, project_id, name, position FROM documents",
    "blocks": "SELECT id, organization_id, document_id, name, position FROM blocks",
    "requirements": "SELECT id, organization_id, project_id, document_id, block_id, external_id,"
    " name, description, upper(status::text), upper(priority::text), upper(level::text),"
    " position, tags, properties, version, created_at, updated_at FROM requirements",
    "assignments": "SELECT id, organization_id, entity_id, assignee_id, upper(role::text),"
    " created_at FROM assignments WHERE entity_type = 'requirement'",
}
ENUMS = {
    "statuses": "requirement_status",
    "priorities": "requirement_priority",
    "levels": "requirement_level",
    "roles": "assignment_role",
}
LABELS = (
    "SELECT string_agg(quote_literal(upper(v::text)), ', ') FROM unnest(enum_range(NULL::{})) v"
)


@dataclass(frozen=True)
class Rows:
    """The IDs of the written rows, by number."""

    projects: int

    def project(self, i: int) -> str:
        """Return the ID of a project, another for each i."""
        return identity("project", i * 7 % self.projects)

    def document(self, i: int) -> str:
        """Return the ID of a document, another for each i."""
        return identity("document", i * 77 % (self.projects * DOCUMENTS))

    def requirement(self, i: int) -> str:
        """Return the ID of a requirement, another for each i."""
        place = i * 7919 % (self.projects * DOCUMENTS * BLOCKS * REQUIREMENTS)
        return identity("requirement", number_of(place))


def number_of(place: int) -> int:
    """Return the number of the requirement at a place among those of the first organization."""
    block, r = divmod(place, REQUIREMENTS)
    document, b = divmod(block, BLOCKS)
    return (document * MOST_BLOCKS + b) * REQUIREMENTS + r


def identity(kind: str, n: int) -> str:
    """Return the ID of a row, as the SQL computes it."""
    hashed = hashlib.md5(f"{kind}:{n}".encode(), usedforsecurity=False).hexdigest()
    return str(UUID(f"{1735689600000 + n:012x}7{hashed[:3]}8{hashed[3:18]}"))


async def fill(superuser: asyncpg.Connection, owner: UUID, projects: int) -> None:
    """Write all rows. `owner` owns the first two organizations."""
    requirement = "((r / 100 * {blocks} + r % 100 / {in_block}) * {in_block} + r % {in_block})"
    numbers = {
        "projects": projects,
        "documents": DOCUMENTS,
        "blocks": BLOCKS,
        "requirements": REQUIREMENTS,
        "people": PEOPLE,
        "assignments": ASSIGNMENTS,
        "most_blocks": MOST_BLOCKS,
        "small": SMALL,
        "large": LARGE,
        "hidden": HIDDEN,
        "hidden_projects": HIDDEN_PROJECTS,
        "requirement": requirement.format(blocks=MOST_BLOCKS, in_block=REQUIREMENTS),
    }
    async with superuser.transaction():
        await superuser.execute(IDENTITY)
        await superuser.execute(SHAPE.format(**numbers))
        for statement in FILL:
            arguments = (owner,) if "$1" in statement else ()
            await superuser.execute(statement.format(**numbers), *arguments)
        await superuser.execute("DROP TABLE shape, places, parts")
    await superuser.execute("VACUUM ANALYZE")


async def copy(superuser: asyncpg.Connection, peers_dsn: str) -> None:
    """Create the peers' tables as copies of the gateway's, row by row."""
    peers = await asyncpg.connect(peers_dsn)
    labels = {name: await superuser.fetchval(LABELS.format(enum)) for name, enum in ENUMS.items()}
    await peers.execute(TABLES.format(**labels))
    for table, query in COPIES.items():
        with tempfile.TemporaryFile() as file:
            await superuser.copy_from_query(query, output=file, format="binary")
            file.seek(0)
            await peers.copy_to_table(table, source=file, format="binary")
    await peers.execute(INDEXES)
    await peers.execute("VACUUM ANALYZE")
    await peers.close()
