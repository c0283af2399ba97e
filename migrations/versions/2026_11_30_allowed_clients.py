"""The applications that an organization allows to access it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_allowed_clients"
down_revision = "2026_11_30_refresh_limits"

# The tokens that operators give out on the command line are the gateway's own.
OWN = "UPDATE oauth_clients SET is_first_party = true WHERE client_id = 'gateway-cli'"
# True for people and keys (no client), the gateway's own applications, the organization's own, and
# those in the list.
ALLOWS_CLIENT = """
CREATE FUNCTION ctx.allows_client(client text, organization uuid, allowed text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT client IS NULL OR client = ANY (allowed) OR EXISTS (
    SELECT FROM public.oauth_clients AS c
    WHERE c.client_id = client AND (c.is_first_party OR c.managed_by = organization))
$$
"""
LOCK = "hashtextextended('allowed_clients ' || {id}, 0)"
# A change of the list waits for the applications' writes that rest on the former one, and the next
# ones wait for it; see HOLD_RIGHTS.
LOCK_LIST = """
CREATE FUNCTION ctx.lock_allowed_clients() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock({lock});
    RETURN NEW;
END $$
"""
TRIGGER = """
CREATE TRIGGER lock_allowed_clients BEFORE UPDATE OF allowed_clients ON organizations
FOR EACH ROW WHEN (OLD.allowed_clients IS DISTINCT FROM NEW.allowed_clients)
EXECUTE FUNCTION ctx.lock_allowed_clients()
"""
# As before, and no role counts at an organization that does not allow the caller's application.
HOLD_RIGHTS = """
CREATE OR REPLACE FUNCTION ctx.hold_rights(credential uuid, tenants uuid[], places uuid[])
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person constant uuid := ctx.user_id();
    serves uuid;
    members uuid[];
    scopes uuid[];
    roles text[];
    wide uuid[];
    more_scopes uuid[];
    more_roles text[];
{client}BEGIN
    SELECT p.service_of INTO serves FROM public.profiles AS p
    WHERE p.id = person AND p.deleted_at IS NULL AND p.status = 'active' AND p.is_approved
    FOR SHARE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
{lock}    WITH held AS (
        SELECT m.organization_id, m.role::text AS role FROM public.organization_members AS m
        WHERE m.user_id = person AND m.organization_id = ANY (tenants)
            AND m.deleted_at IS NULL AND m.status = 'active'
        FOR SHARE)
    SELECT coalesce(array_agg(h.organization_id), '{{}}'), coalesce(array_agg(h.role), '{{}}'),
        coalesce(array_agg(h.organization_id)
            FILTER (WHERE h.role NOT IN ('member', 'billing')), '{{}}')
    INTO members, roles, wide
    FROM held AS h JOIN public.organizations AS o ON o.id = h.organization_id
    WHERE (o.deleted_at IS NULL OR h.role = 'owner'){allowed};
    scopes := members;
    IF serves IS NOT NULL THEN
        PERFORM FROM public.organization_members AS m
        JOIN public.organizations AS o ON o.id = m.organization_id
        WHERE m.user_id = person AND m.organization_id = serves
            AND m.deleted_at IS NULL AND m.status = 'active' AND o.deleted_at IS NULL;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    WITH held AS (
        SELECT coalesce(r.document_id, r.project_id, r.organization_id) AS scope,
            coalesce(r.admin_role::text, r.project_role::text, r.document_role::text) AS role
        FROM public.user_roles AS r
        WHERE r.user_id = person AND r.organization_id = ANY (members) AND r.deleted_at IS NULL
            AND (r.project_id IS NULL OR r.project_id = ANY (places))
            AND (r.document_id IS NULL OR r.document_id = ANY (places))
            AND (r.expires_at IS NULL OR r.expires_at > clock_timestamp())
        FOR SHARE)
    SELECT array_agg(h.scope), array_agg(h.role) INTO more_scopes, more_roles FROM held AS h;
    scopes := scopes || more_scopes;
    roles := roles || more_roles;
    WITH held AS (
        SELECT m.project_id, m.role::text AS role FROM public.project_members AS m
        WHERE m.user_id = person AND m.organization_id = ANY (members)
            AND m.project_id = ANY (places) AND m.deleted_at IS NULL AND m.status = 'active'
        FOR SHARE)
    SELECT array_agg(h.project_id), array_agg(h.role) INTO more_scopes, more_roles FROM held AS h;
    scopes := scopes || more_scopes;
    roles := roles || more_roles;
    WITH held AS (
        SELECT p.id FROM public.projects AS p
        WHERE p.id = ANY (places) AND p.deleted_at IS NULL AND p.id <> ALL (scopes)
            AND p.organization_id <> ALL (wide)
            AND (p.visibility = 'public'
                OR p.visibility = 'organization' AND EXISTS (
                    SELECT FROM unnest(scopes, roles) AS held (scope, role)
                    WHERE held.scope = p.organization_id AND held.role <> 'billing'))
        FOR SHARE)
    SELECT array_agg(h.id), array_agg('viewer'::text) INTO more_scopes, more_roles FROM held AS h;
    IF credential IS NOT NULL AND NOT ctx.hold_credential(credential) THEN
        RETURN NULL;
    END IF;
    RETURN json_build_object('organizations', members,
        'scopes', scopes || more_scopes, 'roles', roles || more_roles);
END $$
"""
CLIENT = """
    client text;
"""
SHARE_LIST = """
    SELECT t.client_id INTO client FROM public.oauth_access_tokens AS t WHERE t.id = credential;
    IF client IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock_shared({lock})
        FROM (SELECT unnest(tenants) AS tenant ORDER BY 1) AS locked;
    END IF;
"""
ALLOWED = """
        AND (o.allowed_clients IS NULL
            OR ctx.allows_client(client, o.id, o.allowed_clients))"""
CHECK = "ck_organizations_allowed_clients_length"


def _replace_hold_rights(client: str = "", lock: str = "", allowed: str = "") -> None:
    parts = {"client": client.lstrip("\n"), "lock": lock.lstrip("\n"), "allowed": allowed}
    op.execute(HOLD_RIGHTS.format(**parts))


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    allowed = sa.Column("allowed_clients", postgresql.ARRAY(sa.Text()), nullable=True)
    op.add_column("organizations", allowed)
    op.create_check_constraint(op.f(CHECK), "organizations", "cardinality(allowed_clients) <= 200")
    op.execute(OWN)
    op.execute(ALLOWS_CLIENT)
    op.execute("REVOKE ALL ON FUNCTION ctx.allows_client(text, uuid, text[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION ctx.allows_client(text, uuid, text[]) TO gateway_auth")
    op.execute(LOCK_LIST.format(lock=LOCK.format(id="NEW.id")))
    op.execute("REVOKE ALL ON FUNCTION ctx.lock_allowed_clients() FROM PUBLIC")
    op.execute(TRIGGER)
    _replace_hold_rights(CLIENT, SHARE_LIST.format(lock=LOCK.format(id="tenant")), ALLOWED)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    _replace_hold_rights()
    op.execute("DROP TRIGGER lock_allowed_clients ON organizations")
    op.execute("DROP FUNCTION ctx.lock_allowed_clients()")
    op.execute("DROP FUNCTION ctx.allows_client(text, uuid, text[])")
    op.drop_constraint(op.f(CHECK), "organizations")
    op.drop_column("organizations", "allowed_clients")
