"""Creation of the tenants full of canaries: rows for every table, from its declaration."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
from pydantic import SecretStr
from sqlalchemy import ForeignKeyConstraint, Table

from auth.accounts.contact import sealed
from auth.credentials.shares import PREFIX
from auth.credentials.tokens import new_token
from auth.secret import digest
from db.pool import Database
from db.tables import METADATA
from graph.settings import Settings
from tests.conftest import SECRET
from tests.isolation.rows import FIXED, OF_A_PERSON, CanaryRow, Register, filled, word
from tests.isolation.world import (
    NARROWED,
    OF_EVERYBODY,
    PEOPLE,
    PROJECTS,
    SERVERS,
    SHARES,
    TENANTS,
    TOP,
    ZONES,
    Canaries,
    Person,
)

BY_PEOPLE = {"profiles", "organizations", "organization_members"}
"""Tables whose rows follow from people and tenants, not from zones."""

MEANT = {
    "assignments": {"entity_id": "requirements"},
    "trace_links": {"source_id": "requirements", "target_id": "documents"},
    "change_set_items": {"entity_id": "requirements"},
    "comment_threads": {"entity_id": "requirements"},
    "comments": {},  # they name a thread, which is created with these
    "review_items": {"entity_id": "requirements"},
    "review_verdicts": {"item_id": "review_items"},
    "signatures": {"entity_id": "requirements"},
    "audit_logs": {"project_id": "projects", "document_id": "documents"},
}
"""Columns that name a row without a foreign key, and the table it is in."""

MEMBERS = {"ours": "admin", "theirs": "their member", "dissolved": "dissolved member"}
"""Another person than the owner in each tenant."""

BY_ANOTHER = {"deployments": "approved_by", "defects": "verified_by"}
"""Columns of a person who is not the one of another column."""

OBJECTS = ("document_id", "baseline_id", "assessment_id")
SHARE_OF = {"restricted": "baseline_id", "organization": "assessment_id"}
"""The column of a share that names its object, by zone; others are of documents."""

TWICE = {"blocks", "change_sets"}
"""Tables whose rows name another one of theirs: the second names the first."""

LINKED_ELEMENTS = """
UPDATE excalidraw_diagrams AS d SET diagram_data = d.diagram_data || jsonb_build_object(
    'elements', jsonb_build_array(jsonb_build_object('id', l.element_id, 'type', 'frame')))
FROM diagram_element_links AS l WHERE l.diagram_id = d.id AND l.deleted_at IS NULL
"""
"""Gives drawings the elements that are linked, which links show."""

OF_THE_MEMBER = {
    "change_sets": "created_by",
    "reviews": "created_by",
    "reviewers": "reviewer_id",
    "comment_threads": "created_by",
    "assignments": "assignee_id",
}
"""Columns of our private project that name the member, who has lost their role there: neither the
author of a change set nor its reviewer keeps a way to it."""

NEVER_WITHOUT = {"webhook_endpoints", "comment_threads", "access_reviews", "shares", "teams"}
"""Tables whose rows contain others that are never without one."""

OF_ORGANIZATIONS = {"assessments", "compliance_documents", "provisioned_groups"}
"""Tables in no project whose rows contain others, deleted ones too."""

FED = {"feed_entries", "feed_positions"}
"""Tables that the record fills by itself, with ids and no text."""


def tenant_tables() -> list[Table]:
    """Return the tables whose rows belong to one tenant, parents before children."""
    tables = [
        table
        for table in METADATA.sorted_tables
        if "organization_id" in table.columns and table.name not in FED
    ]
    return sorted(tables, key=lambda table: table.name in MEANT)


def zones_of(table: Table) -> Iterator[str]:
    """Yield the zones that can hold rows of this table."""
    columns = table.columns
    for zone in ZONES:
        if zone == "organization":
            has = "project_id" not in columns or columns["project_id"].nullable
            has = has and table.name != "projects"
        elif zone == "deleted":
            has = "deleted_at" in columns
        else:
            within = {"deleted document": "document_id", "deleted block": "block_id"}
            has = within.get(zone, "project_id") in columns
            has = has or table.name == TOP.get(zone, "projects")
        if has:
            yield zone


class Founder:
    """Creates the rows, each after those it refers to."""

    def __init__(self) -> None:
        self.register = Register()
        self.persons: dict[str, Person] = {}
        self.now = datetime.now(UTC)

    def found(self) -> None:
        """Create all rows."""
        for name, roles in PEOPLE.items():
            self._person(name, roles)
        framework = self._add("frameworks", "", "people", **FIXED["frameworks"])
        revision = FIXED["framework_revisions"] | {"framework_id": framework.id}
        self._add("framework_revisions", "", "people", **revision)
        for tenant in TENANTS:
            owner = self._owner(tenant)
            deleted = self.now if tenant == "dissolved" else None
            self._add(
                "organizations", tenant, "organization", owner_id=owner.id, deleted_at=deleted
            )
            self._person(SERVERS[tenant], {tenant: "member"}, serves=tenant)
            self._members(tenant)
            for table in tenant_tables():
                if table.name not in BY_PEOPLE:
                    for zone in zones_of(table):
                        for _ in range(2 if table.name in TWICE else 1):
                            self._in_zone(table, tenant, zone)

    def _person(self, name: str, roles: dict[str, str], serves: str | None = None) -> None:
        secret = self.register.next_code()
        self.register.enter(CanaryRow(secret, "", "people", "profiles.preferences", name))
        place = self._stands_above("organizations", serves, "organization") if serves else None
        address = {}
        if serves:  # which is made of its id
            id = self.register.id_of(self.register.next_code())
            address["email"] = f"{id}@service-accounts.invalid"
        row = self._add(
            "profiles",
            "",
            "people",
            person=name,
            preferences=json.dumps({"canary": word(secret)}),
            personal_organization_id=None,
            current_organization_id=None,
            managed_by=None,
            service_of=place.id if place else None,
            is_approved=True,
            **address,
        )
        self.persons[name] = Person(name, row.values["email"], row.id, roles)
        if not serves:
            for table, values in OF_A_PERSON.items():
                self._add(table, "", "people", person=name, user_id=row.id, **values)

    def _members(self, tenant: str) -> None:
        roles = {p.name: p.roles[tenant] for p in self.persons.values() if tenant in p.roles}
        former = {"former": "owner"} if tenant == "ours" else {}
        for name, role in (roles | former).items():
            self._add(
                "organization_members",
                tenant,
                "deleted" if name in former else "organization",
                person=name,
                user_id=self.persons[name].id,
                role=role,
                organization_id=self._stands_above("organizations", tenant, "organization").id,
                deleted_at=self.now if name in former else None,
            )

    def _in_zone(self, table: Table, tenant: str, zone: str) -> None:
        first = not self._rows(table.name, tenant, zone)
        deleted = zone == "deleted" or (TOP.get(zone) == table.name and first)
        values = self._names(table, tenant, zone)
        if table.name == "projects":
            values["visibility"] = PROJECTS.get(zone, "organization")
        if table.name == "project_members":
            values["role"] = "viewer"
        if table.name in ("api_keys", "webhook_endpoints"):
            values["service_account_id"] = self.persons[SERVERS[tenant]].id
        values |= FIXED.get(table.name, {})
        values |= _one_of(table, zone, values)
        if column := BY_ANOTHER.get(table.name):
            values[column] = self.persons[MEMBERS[tenant]].id
        if "deleted_at" in table.columns:
            values["deleted_at"] = self.now if deleted else None
        if table.name == "files":
            values |= self._owner_of_file(tenant, zone, values)
        if (tenant, zone) == ("ours", "private") and (column := OF_THE_MEMBER.get(table.name)):
            values[column] = self.persons["member"].id
        person = "owner" if "user_id" in table.columns and tenant == "ours" else None
        if table.name == "project_members" and zone == "deleted":  # the owner has a live one there
            values["user_id"] = self.persons[MEMBERS[tenant]].id
        self._add(table.name, tenant, zone, person=person, **values)
        if table.name == "project_members" and (tenant, zone) == ("ours", "private"):
            guest = self.persons["guest"]
            self._add(table.name, tenant, zone, person="guest", **values | {"user_id": guest.id})

    def _owner_of_file(self, tenant: str, zone: str, values: dict[str, Any]) -> dict[str, Any]:
        """Return the columns of a file that say what it belongs to: one of these."""
        owners = ("document_id", "test_id", "execution_id")
        owner = next((key for key in owners if values[key]), None)
        outside = [] if owner else self._rows("external_documents", tenant, zone)
        return dict.fromkeys(owners, None) | {
            "external_document_id": outside[0].id if outside else None,
            "size": 5,
            **({owner: values[owner]} if owner else {}),
        }

    def _names(self, table: Table, tenant: str, zone: str) -> dict[str, Any]:
        """Return the columns that refer to other rows: people as the owner, others by zone."""
        owner = self._owner(tenant).id
        values: dict[str, Any] = {
            key: owner for key in ("created_by", "updated_by") if key in table.columns
        }
        values |= dict.fromkeys(["user_id"] if table.name == "jobs" else [], owner)
        values["organization_id"] = self._stands_above("organizations", tenant, zone).id
        keys = [c for c in table.constraints if isinstance(c, ForeignKeyConstraint)]
        for key in keys:
            target = key.referred_table.name
            if target in ("profiles", "organization_members"):
                values[key.column_keys[-1]] = owner
                continue
            row = self._stands_above(target, tenant, zone)
            for element in key.elements:
                if row or element.parent.name not in values:
                    held = row.values[element.column.name] if row else None
                    values[element.parent.name] = held
        for column, target in MEANT.get(table.name, {}).items():
            row = self._stands_above(target, tenant, zone)
            values[column] = row.id if row else None
        if table.name == "comment_threads" and not values["entity_id"]:
            values["entity_id"] = values["organization_id"]  # an object of the organization
        return values

    def _stands_above(self, table: str, tenant: str, zone: str) -> Any:
        """Return the row of this table that a row of the zone refers to."""
        columns = METADATA.tables[table].columns
        in_document = "document_id" in columns
        match zone:
            case _ if table == "organizations":
                places = ["organization"]
            case _ if table in OF_EVERYBODY:
                tenant, places = "", ["people"]
            case "organization" | "deleted" if table in OF_ORGANIZATIONS:
                places = ["organization"]
            case "organization" if table in NEVER_WITHOUT:
                places = ["organization"]
            case "organization":
                places = []
            case "deleted":
                places = ["organization" if table == "teams" else "shared"]
            case "deleted block":
                places = [zone, "shared"]
            case "deleted document" if not in_document:
                places = [zone, "shared"]
            case _:
                places = [zone]
        rows = [row for place in places for row in self._rows(table, tenant, place)]
        return rows[0] if rows else None

    def _rows(self, table: str, tenant: str, zone: str) -> list[CanaryRow]:
        place = (table, tenant, zone)
        return [r for r in self.register.rows if (r.table, r.tenant, r.zone) == place]

    def _owner(self, tenant: str) -> Person:
        return next(p for p in self.persons.values() if p.roles.get(tenant) == "owner")

    def _add(
        self, table: str, tenant: str, zone: str, *, person: str | None = None, **fixed: Any
    ) -> CanaryRow:
        code = self.register.next_code()
        values = filled(self.register, METADATA.tables[table], code, fixed)
        return self.register.enter(CanaryRow(code, tenant, zone, table, person, values))


async def found_canaries(
    superuser: asyncpg.Connection, database: Database, client: httpx.AsyncClient
) -> Canaries:
    """Create the tenants in this database; return them."""
    founder = Founder()
    founder.found()
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in founder.register.rows:
        if row.values:
            rows[row.table].append(dict(row.values))
    preferences = {row["id"]: row["preferences"] for row in rows["profiles"]}
    async with superuser.transaction():
        for table in METADATA.sorted_tables:
            if rows[table.name]:
                await _insert(superuser, table.name, rows[table.name])
        await superuser.execute(LINKED_ELEMENTS)
        for person in founder.persons.values():
            for tenant in list(person.roles)[-1:] if person.name != "owner" else ["ours"]:
                row = founder._stands_above("organizations", tenant, "organization")
                about = {"phone_number": preferences[person.id]}
                await superuser.execute(
                    "UPDATE profiles SET current_organization_id = $1,"
                    " personal_organization_id = $1, contact = $3 WHERE id = $2",
                    row.id,
                    person.id,
                    sealed(Settings(gateway_secret=SecretStr(SECRET)), person.id, about),
                )
    tokens = {}
    for person, zone in SHARES.items():
        tokens[person] = new_token(PREFIX)
        (row,) = founder._rows("shares", "ours", zone)
        await superuser.execute(
            "UPDATE shares SET key_hash = $1, password_hash = NULL, revoked_at = NULL"
            " WHERE id = $2",
            digest(tokens[person]),
            row.id,
        )
    canaries = Canaries(
        superuser,
        database,
        client,
        name=founder.register.world,
        people={person.name: person.id for person in founder.persons.values()},
        tokens=tokens,
        register=founder.register,
        persons=founder.persons,
    )
    for name, (person, zone) in NARROWED.items():
        (project,) = canaries.rows(tenant="ours", zone=zone, table="projects")
        canaries.persons[name] = canaries.persons[person]
        token = await canaries.token(name)
        await superuser.execute(
            "UPDATE oauth_access_tokens SET confined_to = p.organization_id,"
            " confined_project = p.id FROM projects p WHERE p.id = $1 AND token_hash = $2",
            project.id,
            digest(token).hex(),
        )
    return canaries


async def _insert(superuser: asyncpg.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    assert all(list(row) == names for row in rows), table
    places = ", ".join(f"${i}" for i, _ in enumerate(names, start=1))
    await superuser.executemany(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})",
        [list(row.values()) for row in rows],
    )


def _one_of(table: Table, zone: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return columns of which one is set: by zone, so that each is somewhere."""
    if table.name == "shares":
        return dict.fromkeys({*OBJECTS} - {SHARE_OF.get(zone, "document_id")})
    if table.name == "diagram_element_links":
        return {"diagram_id" if zone == "private" else "flow_id": None}
    if table.name == "reviewers":
        return {"reviewer_id": None, "role": "editor"} if zone == "public" else {"role": None}
    if table.name == "user_roles":
        document = None if zone == "private" else values["document_id"]
        kind = "document" if document else "project" if values["project_id"] else "admin"
        roles = {f"{name}_role": None for name in ("admin", "project", "document")}
        return {"document_id": document, **roles, f"{kind}_role": "viewer"}
    return {}
