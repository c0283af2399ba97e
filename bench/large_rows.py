"""The rows of a large tenant, and the ids and texts by which its lists are read.

200,000 requirements of one organization, with 50,000 deleted blocks, and 11,000 public projects of
another one with two requirements each.
"""

from dataclasses import dataclass
from typing import Any

import asyncpg
from uuid_utils.compat import uuid7

from bench.stand import Stand

DEEP = 50_000
"""Rows before the page that is read deep in a list."""
PROJECTS, LARGE, PUBLIC, DELETED = 200, 60_000, 11_000, 50_000
"""Projects of 700 requirements, requirements of one project more, public projects, blocks."""
SEARCHES = ("REQ-77777", "brake", "capability", "zebra")
"""A rare word, a common one, one of all, and one of none."""
FILL = (
    "CREATE TEMPORARY TABLE made (p int, id uuid, organization uuid, visibility text)",
    """INSERT INTO made SELECT p, gen_random_uuid(), '{own}', 'organization'
    FROM generate_series(0, {projects}) AS p""",
    """INSERT INTO made SELECT p, gen_random_uuid(), '{other}', 'public'
    FROM generate_series(1000, 999 + {public}) AS p""",
    """INSERT INTO projects (id, organization_id, name, slug, visibility)
    SELECT id, organization, 'Project ' || p, 'large-' || p, visibility::visibility
    FROM made""",
    """CREATE TEMPORARY TABLE papers AS
    SELECT made.*, d, gen_random_uuid() AS document FROM made,
        generate_series(0, CASE WHEN p = 0 THEN 59 WHEN p < 1000 THEN 6 ELSE 0 END) AS d""",
    """INSERT INTO documents (id, organization_id, project_id, name, slug, position, tags)
    SELECT document, organization, id, 'Document ' || d, 'd-' || d, d, ARRAY['tag-' || d % 13]
    FROM papers""",
    """CREATE TEMPORARY TABLE parts AS
    SELECT papers.*, b, gen_random_uuid() AS block FROM papers,
        generate_series(0, CASE WHEN p = 0 THEN 9 WHEN p < 1000 THEN 4 ELSE 0 END) AS b""",
    """INSERT INTO blocks (id, organization_id, project_id, document_id, name, position)
    SELECT block, organization, id, document, 'Block ' || b, b FROM parts""",
    """INSERT INTO blocks (id, organization_id, project_id, document_id, name, position, deleted_at)
    SELECT gen_random_uuid(), organization, id, document, 'Deleted', n, now()
    FROM (SELECT * FROM papers WHERE p = 0 AND d = 0) AS one, generate_series(1, {deleted}) AS n""",
    """INSERT INTO requirements (id, organization_id, project_id, document_id, block_id,
        external_id, name, description, status, priority, level, position, tags, properties,
        created_at, updated_at)
    SELECT gen_random_uuid(), organization, id, document, block, 'REQ-' || n,
        'The system shall "do" thing ' || n,
        'The system shall provide capability ' || n || ' of the '
            || (array['brake', 'door', 'horn', 'light', 'radio'])[1 + n % 5] || ', and report it'
            || ' within ' || n % 97 || ' ms. ' || md5(n::text),
        (enum_range(NULL::requirement_status))[1 + n % 8],
        (enum_range(NULL::requirement_priority))[1 + n % 5],
        (enum_range(NULL::requirement_level))[1 + n % 6], n,
        ARRAY['safety', 'tag-' || n % 13],
        jsonb_build_object('weight', n % 7, 'owner', 'team-' || n % 9),
        timestamptz '2025-01-01' + n * interval '1 ms',
        timestamptz '2025-06-01' + n * interval '1 s'
    FROM (SELECT parts.*, row_number() OVER (ORDER BY p, d, b, r) AS n FROM parts,
        generate_series(1, CASE WHEN p = 0 THEN 100 WHEN p < 1000 THEN 20 ELSE 2 END) AS r
    ) AS numbered""",
    """INSERT INTO profiles (id, email, full_name, is_approved)
    SELECT gen_random_uuid(), 'large-' || n || '@bench.example', 'Person ' || n, true
    FROM generate_series(1, 2000) AS n""",
    """INSERT INTO organization_members (organization_id, user_id, role)
    SELECT '{own}', id, 'member' FROM profiles WHERE email LIKE 'large-%'""",
    """INSERT INTO assignments (organization_id, project_id, entity_id, entity_type, assignee_id,
        role)
    SELECT r.organization_id, r.project_id, r.id, 'requirement', p.id, 'reviewer'
    FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM requirements
        WHERE organization_id = '{own}') AS r
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM profiles
        WHERE email LIKE 'large-%') AS p ON p.n = 1 + r.n % 2000
    WHERE r.n % 3 = 0""",
)
LONG = {("Query", "Requirement"), ("Project", "Requirement")}
"""Lists of more than 50,000 rows, by the types of their parent and their rows."""


@dataclass(frozen=True)
class Parents:
    """The ids of rows that lists are beneath, and of rows that filters name."""

    ids: dict[str, str]
    deep_row: str

    def of(self, type_: str) -> str | None:
        """Return the ID of the row with the longest lists of this type; None if it has none."""
        return self.ids.get(type_)

    def deep(self, parent: str, rows: str) -> str | None:
        """Return the ID of a row behind 50,000 others in this list; None if it is shorter."""
        return self.deep_row if (parent, rows) in LONG else None

    def id_of(self, field: str) -> str:
        """Return an ID for a filter by this field: `projectId` compares those of projects."""
        kind = field.removesuffix("Id").removesuffix("By")
        return self.ids.get(kind[:1].upper() + kind[1:]) or self.deep_row

    def text(self, field: str) -> str:
        """Return a text for a filter by this field."""
        return {"externalId": "REQ-77777", "name": "Project 77"}.get(field, "thing 77777")


async def fill(stand: Stand) -> Parents:
    """Write the rows, as the owner's organization and one beside it; return what to read by."""
    superuser, other = stand.superuser, uuid7()
    await superuser.execute(
        "INSERT INTO organizations (id, name, slug, max_monthly_requests)"
        " VALUES ($1, 'Beside', $2, 1000000000)",
        *(other, f"beside-{other.hex}"),
    )
    sizes = {"projects": PROJECTS, "public": PUBLIC, "deleted": DELETED}
    for statement in FILL:
        await superuser.execute(statement.format(own=stand.organization, other=other, **sizes))
    await superuser.execute("VACUUM ANALYZE")
    return await _parents(superuser, stand.organization)


async def _parents(superuser: asyncpg.Connection, organization: Any) -> Parents:
    row = await superuser.fetchrow(
        "SELECT * FROM requirements WHERE organization_id = $1 AND external_id = $2",
        *(organization, f"REQ-{DEEP}"),
    )
    ids = {
        "Organization": organization,
        "Project": row["project_id"],
        "Document": row["document_id"],
        "Block": row["block_id"],
        "Requirement": row["id"],
    }
    person = "SELECT id FROM profiles WHERE email = 'large-7@bench.example'"
    ids["Profile"] = ids["Assignee"] = await superuser.fetchval(person)
    return Parents({name: str(id) for name, id in ids.items()}, str(row["id"]))
