"""Tenants full of canaries: their people and places, and the rows that each person may see."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.isolation.rows import CanaryRow, Register
from tests.world import World

TENANTS = ("ours", "theirs", "dissolved")
"""Two organizations, and one that is deleted; our owner owns that, too."""

PROJECTS = {
    "private": "private",
    "restricted": "restricted",
    "shared": "organization",
    "public": "public",
    "deleted project": "organization",
}
"""The projects of each tenant and their visibility. A project's rows are in the zone it names."""

TOP = {
    "deleted project": "projects",
    "deleted document": "documents",
    "deleted block": "blocks",
}
"""Zones that are hidden because of the row on top of them: it alone is deleted."""

ZONES = ("organization", *PROJECTS, "deleted document", "deleted block", "deleted")
"""The zones of a tenant's rows. In `deleted`, each row itself is deleted, but none above it."""

PEOPLE: dict[str, dict[str, str]] = {
    "owner": {"ours": "owner", "dissolved": "owner"},
    "admin": {"ours": "admin"},
    "viewer": {"ours": "viewer"},
    "member": {"ours": "member"},
    "guest": {"ours": "member"},
    "billing": {"ours": "billing"},
    "contractor": {"ours": "member", "theirs": "member"},
    "their owner": {"theirs": "owner"},
    "their member": {"theirs": "member"},
    "dissolved member": {"dissolved": "viewer"},
    "former": {},
    "outsider": {},
}
"""People and their roles. The guest has a role in our private project, too. The former one had
every role in ours, and has left it."""

SERVERS = {"ours": "our server", "theirs": "their server", "dissolved": "dissolved server"}
"""The service account of each tenant, which is a member there."""

SHARES = {
    "share of a document": "private",
    "share of a baseline": "restricted",
    "share of a report": "organization",
}
"""The viewer who has the address of a share of the world, and the zone of the share."""

NARROWED = {"owner in a project": ("owner", "private")}
"""The person whose token is for one project of ours, and the zone of that project."""

OPENED = {
    "private": {"documents", "blocks", "requirements", "columns", "properties"},
    "restricted": {"baselines"},
    "organization": {"assessments", "assessment_frameworks"},
}
"""The tables whose rows a share opens. The baseline holds no row that the API would show."""

ABOUT_PEOPLE = {"organizations", "organization_members"}
FOR_ADMINISTRATORS = {
    "organization_invitations",
    "organization_clients",
    "organization_domains",
    "identity_providers",
    "api_keys",
    "user_roles",
    "access_reviews",
    "provisioned_groups",
    "provisioned_group_members",
    "access_review_items",
    "stripe_customers",
    "billing_cache",
    "usage_logs",
    "jobs",
    "shares",
    "webhook_endpoints",
    "webhook_deliveries",
    "webhook_events",
    "share_views",
    "audit_logs",
    "audit_alerts",
    "audit_verifications",
    "legal_holds",
    *("security_events", "project_budgets"),
}
KEPT = {"audit_logs"}
"""Tables whose rows are shown after what they are in is deleted."""
OF_BILLING = {
    "organizations",
    "stripe_customers",
    "billing_cache",
    "usage_logs",
    "webhook_events",
}
OF_ONE_PERSON = {
    "notifications",
    "profiles.preferences",
    "profiles.current_organization_id",
    "profiles.personal_organization_id",
    "personal_tokens",
    "profile_identities",
    "passkeys",
    "devices",
    "stars",
    "visits",
}
FOR_NOBODY = {
    "audit_personal_data",
    "audit_seals",
    "audit_checkpoints",
    "audit_archives",
    "usage_counters",
    "exchange_files",
    "compliance_pages",
}
"""Tables that no field shows. A field that shows one adds here who may see it."""

OF_PEOPLE = {"profiles", "personal_tokens", "passkeys", "devices"}
"""Tables of no tenant, whose rows are those of people."""
OF_EVERYBODY = {"frameworks", "framework_revisions"}
"""Tables of no tenant, whose rows are for everybody who is signed in."""
RESTORED = {"projects", "documents", "blocks", "requirements", "baselines"}
RESTORED |= {"test_req", "test_matrix_views"}
RESTORED |= {
    "properties",
    "columns",
    "numbering_rules",
    "trace_links",
    "files",
    "external_documents",
    "webhook_endpoints",
    "excalidraw_diagrams",
    "react_flow_diagrams",
    "diagram_element_links",
    "comment_threads",
    "comments",
    "workflows",
    "import_mappings",
    "compliance_documents",
    "assessments",
    "finding_tasks",
    *("teams", "project_deliveries", "project_budgets", "requirement_plans", "features"),
    *("test_cases", "builds", "environments", "defects", "vulnerabilities"),
}
"""The tables that a mutation restores, besides organizations and memberships."""

WIDE = {"external_documents", "properties", "files", "comment_threads", "comments"}
WIDE |= {"compliance_documents", "assessments", "assessment_frameworks", "finding_tasks"}
WIDE |= {"teams", "team_members"}
"""Tables whose rows in no project are for all members of their organization."""

OF_THE_ORGANIZATION = {"project_members", "assignments", "change_sets", "change_set_items"}
OF_THE_ORGANIZATION |= {"comment_threads", "comments"}
OF_THE_ORGANIZATION |= {
    "import_mappings",
    "workflows",
    "reviews",
    "review_items",
    "reviewers",
    "review_verdicts",
}
OF_THE_ORGANIZATION |= {"signatures", "import_mappings", "vulnerabilities"}
"""Tables beneath a project that are not its content: no public project shows them to strangers."""


@dataclass(frozen=True)
class Person:
    """A person, their address, and their role in each tenant they are a member of."""

    name: str
    email: str
    id: UUID
    roles: dict[str, str] = field(default_factory=dict)


@dataclass
class Canaries(World):
    """The tenants, and the rules of visibility."""

    register: Register = field(default_factory=Register)
    persons: dict[str, Person] = field(default_factory=dict)
    found: dict[tuple[tuple[str, Any], ...], list[CanaryRow]] = field(default_factory=dict)
    """The cache of `rows`: they are always the same."""

    def email(self, person: str) -> str:
        return self.persons[person].email

    def rows(self, **where: Any) -> list[CanaryRow]:
        """Return the rows with these values of tenant, zone, table or person."""
        wanted = tuple(where.items())
        if wanted not in self.found:
            rows = self.register.rows
            self.found[wanted] = [
                r for r in rows if all(getattr(r, name) == is_ for name, is_ in wanted)
            ]
        return self.found[wanted]

    def row(self, tenant: str, zone: str, table: str) -> CanaryRow:
        """Return the first row of a place."""
        return self.rows(tenant=tenant, zone=zone, table=table)[0]

    def may_read(self, person: str, row: CanaryRow) -> bool:  # noqa: PLR0911 (a rule each)
        """Return whether the person may read the row, without the help of the policy."""
        if row.table in OF_EVERYBODY:
            return True
        if person in SHARES:
            is_there = (row.tenant, row.zone) == ("ours", SHARES[person])
            return is_there and row.table in OPENED[row.zone]
        is_gone = row.zone.startswith("deleted") and row.table not in KEPT
        if row.table in FOR_NOBODY or is_gone or row.tenant == "dissolved":
            return False
        if person in NARROWED:
            return _reached(*NARROWED[person], row)
        if row.table in OF_ONE_PERSON:
            return row.person == person
        who = self.persons[person]
        if row.table == "profiles":
            return row.person == person or _colleagues(who, self.persons[row.person or ""])
        role = who.roles.get(row.tenant)
        if row.table in ABOUT_PEOPLE | FOR_ADMINISTRATORS:
            mine = role is not None and row.person == person
            return mine or role in _roles_that_read(row.table)
        return role in ("owner", "admin", "viewer") or _is_open(row, role, person)

    def may_restore(self, person: str, row: CanaryRow) -> bool:
        """Return whether the trash shows the row: deleted itself, with nothing deleted above it.

        A membership brings along the name of its person.
        """
        if person in SHARES:
            return False
        if person in NARROWED and row.zone != NARROWED[person][1]:
            return False
        role = self.persons[person].roles.get(row.tenant)
        if row.table == "organizations":
            return row.tenant == "dissolved" and role == "owner"
        if row.table in ("organization_members", "profiles"):
            return row.person == "former" and self.persons[person].roles.get("ours") == "owner"
        alone = row.zone == "deleted" or TOP.get(row.zone) == row.table
        first = row in self.rows(tenant=row.tenant, zone=row.zone, table=row.table)[:1]
        mine = row.tenant != "dissolved" and role in ("owner", "admin")
        return mine and row.table in RESTORED and alone and (first or row.zone == "deleted")


def _reached(person: str, zone: str, row: CanaryRow) -> bool:
    """Return whether a token for the project of this zone reaches a row of our owner's."""
    if row.table in OF_ONE_PERSON | OF_PEOPLE and row.zone == "people":
        return row.person == person
    if row.tenant != "ours":
        return False
    at_organization = {"organizations", "properties"}
    is_theirs = row.table not in OF_ONE_PERSON or row.person == person
    return (row.zone == "organization" and row.table in at_organization) or (
        row.zone == zone and is_theirs
    )


def _is_open(row: CanaryRow, role: str | None, person: str) -> bool:
    """Return whether content is open to a person without a role that opens all of it."""
    if row.zone == "public":
        return role not in (None, "billing") or row.table not in OF_THE_ORGANIZATION
    in_private = row.zone == "private" and person == "guest"
    in_shared = row.zone == "shared" or _is_wide(row)
    return role == "member" and (in_shared or in_private)


def _is_wide(row: CanaryRow) -> bool:
    """Return whether a row of an organization is for all its members."""
    return row.table in WIDE and row.zone == "organization"


def _colleagues(one: Person, other: Person) -> bool:
    """Return whether they are in one tenant, and `one` sees its members.

    The owner of a deleted organization can restore it, and still sees its people.
    """
    return any(
        one.roles[tenant] == "owner" or (one.roles[tenant] != "billing" and tenant != "dissolved")
        for tenant in one.roles.keys() & other.roles.keys()
    )


def _roles_that_read(table: str) -> set[str]:
    roles = {"owner", "admin"}
    if table in ("organization_clients", "api_keys"):
        roles -= {"admin"}
    if table in ABOUT_PEOPLE:
        roles |= {"viewer", "member"}
    if table in OF_BILLING:
        roles |= {"billing"}
    return roles
