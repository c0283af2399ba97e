"""Row level security: the policies of the tables, and the grants of each role."""

from collections.abc import Iterable
from typing import NamedTuple

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_20_row_security"
down_revision = "2026_11_20_automation"

OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
PUBLIC_PROJECT = "project_id = ANY ((SELECT ctx.projects())::uuid[])"
MYSELF = "user_id = (SELECT ctx.user_id())"
TENANT_ITSELF = OWN_TENANT.replace("organization_id", "id", 1)
# A profile is seen by whoever shares a tenant with it; memberships that ended count, so that
# the names of former members remain.
COLLEAGUE = (
    "id = (SELECT ctx.user_id()) OR EXISTS (SELECT FROM organization_members AS m"
    " WHERE m.user_id = profiles.id AND m.organization_id = ANY"
    " ((SELECT ctx.organizations())::uuid[]))"
)
OWN_EVENT = "organization_id IS NULL AND actor_id = (SELECT ctx.user_id())"

# Whoever inserts a notification gets its row back, and so must be able to see it.
RECEIVED_OR_SENT = f"({MYSELF} OR created_by = (SELECT ctx.user_id()))"


class Rule(NamedTuple):
    """The rows of a table that gateway_app may read, insert, and update or delete."""

    read: str
    insert: str
    change: str


RULES = {
    "profiles": Rule(COLLEAGUE, "false", "id = (SELECT ctx.user_id())"),
    "organizations": Rule(TENANT_ITSELF, TENANT_ITSELF, TENANT_ITSELF),
    "projects": Rule(
        f"{OWN_TENANT} OR id = ANY ((SELECT ctx.projects())::uuid[])", OWN_TENANT, OWN_TENANT
    ),
    "audit_logs": Rule(f"{OWN_TENANT} OR {OWN_EVENT}", f"{OWN_TENANT} OR {OWN_EVENT}", "false"),
    "notifications": Rule(
        f"{OWN_TENANT} AND {RECEIVED_OR_SENT}", OWN_TENANT, f"{OWN_TENANT} AND {MYSELF}"
    ),
    **dict.fromkeys(
        (
            "organization_members",
            "organization_invitations",
            "project_members",
            "user_roles",
            "stripe_customers",
            "billing_cache",
            "usage_logs",
            "external_documents",
        ),
        Rule(OWN_TENANT, OWN_TENANT, OWN_TENANT),
    ),
    **dict.fromkeys(
        (
            "documents",
            "blocks",
            "properties",
            "columns",
            "requirements",
            "test_req",
            "requirement_tests",
            "test_matrix_views",
            "assignments",
            "trace_links",
            "excalidraw_diagrams",
            "diagram_element_links",
            "react_flow_diagrams",
        ),
        Rule(f"{OWN_TENANT} OR {PUBLIC_PROJECT}", OWN_TENANT, OWN_TENANT),
    ),
}
# Tables that only gateway_auth uses, before anybody's tenants are known.
AUTHENTICATION = (
    "profile_credentials",
    "sessions",
    "sign_in_attempts",
    "oauth_clients",
    "oauth_authorization_codes",
    "oauth_access_tokens",
    "oauth_refresh_tokens",
)
# Further privileges of gateway_auth: to sign people up, to read memberships, to record events.
AUTHENTICATION_READS = (
    "organizations",
    "organization_members",
    "organization_invitations",
    "projects",
    "project_members",
    "user_roles",
)
INSERT_ONLY = ("audit_logs", "usage_logs")


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in (*RULES, *AUTHENTICATION):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        # Migrations, foreign keys and ctx.count_members() work as the owner, across tenants. No
        # request is served in this role.
        op.execute(f"CREATE POLICY owner ON {table} TO gateway_owner USING (true)")
    for table, rule in RULES.items():
        wall(table, rule)
    grant("gateway_app", "SELECT, INSERT, UPDATE", set(RULES) - {"profiles", *INSERT_ONLY})
    grant("gateway_app", "SELECT, INSERT", INSERT_ONLY)
    grant("gateway_app", "SELECT, UPDATE", ["profiles"])
    grant("gateway_app", "SELECT", ["document_summary"])
    for table in (*AUTHENTICATION, *AUTHENTICATION_READS, "profiles", "audit_logs"):
        op.execute(f"CREATE POLICY authentication ON {table} TO gateway_auth USING (true)")
    grant("gateway_auth", "SELECT, INSERT, UPDATE, DELETE", AUTHENTICATION)
    grant("gateway_auth", "SELECT, INSERT, UPDATE", ["profiles"])
    grant("gateway_auth", "SELECT", AUTHENTICATION_READS)
    grant("gateway_auth", "INSERT", ["audit_logs"])


def wall(table: str, rule: Rule) -> None:
    """Create one policy that admits gateway_app, and restrictive ones that no other can widen."""
    op.execute(f"CREATE POLICY application ON {table} TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({rule.read})"),
        ("INSERT", f"WITH CHECK ({rule.insert})"),
        ("UPDATE", f"USING ({rule.change})"),  # holds for the new row as well
        ("DELETE", f"USING ({rule.change})"),
    ):
        op.execute(
            f"CREATE POLICY tenant_{command.lower()} ON {table}"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )


def grant(role: str, rights: str, tables: Iterable[str]) -> None:
    """Grant the role the use of these tables."""
    op.execute(f"GRANT {rights} ON {', '.join(sorted(tables))} TO {role}")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in (*AUTHENTICATION, *AUTHENTICATION_READS, "profiles", "audit_logs"):
        op.execute(f"DROP POLICY authentication ON {table}")
    for table in RULES:
        op.execute(f"DROP POLICY application ON {table}")
        for command in ("select", "insert", "update", "delete"):
            op.execute(f"DROP POLICY tenant_{command} ON {table}")
    for table in (*RULES, *AUTHENTICATION):
        op.execute(f"DROP POLICY owner ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        op.execute(f"REVOKE ALL ON {table} FROM gateway_app, gateway_auth")
    op.execute("REVOKE ALL ON document_summary FROM gateway_app")
