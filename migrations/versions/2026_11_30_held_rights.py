"""A write locks the role that allows it, which cannot end before the write, as credentials do."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_held_rights"
down_revision = "2026_11_21_restored_feed"

# The roles that the caller has now at these places, and the organizations of `tenants` to which
# they belong; null when their account or the credential has ended. What it answers from is locked
# until the end of the transaction: whoever takes a role waits. It says what
# `auth.credentials.grants` says. A project that is open by its visibility is locked only where
# nothing else opens it.
HOLD_RIGHTS = """
CREATE FUNCTION ctx.hold_rights(credential uuid, tenants uuid[], places uuid[]) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person constant uuid := ctx.user_id();
    serves uuid;
    members uuid[];
    scopes uuid[];
    roles text[];
    wide uuid[];
    more_scopes uuid[];
    more_roles text[];
BEGIN
    SELECT p.service_of INTO serves FROM public.profiles AS p
    WHERE p.id = person AND p.deleted_at IS NULL AND p.status = 'active' AND p.is_approved
    FOR SHARE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    WITH held AS (
        SELECT m.organization_id, m.role::text AS role FROM public.organization_members AS m
        WHERE m.user_id = person AND m.organization_id = ANY (tenants)
            AND m.deleted_at IS NULL AND m.status = 'active'
        FOR SHARE)
    SELECT coalesce(array_agg(h.organization_id), '{}'), coalesce(array_agg(h.role), '{}'),
        coalesce(array_agg(h.organization_id)
            FILTER (WHERE h.role NOT IN ('member', 'billing')), '{}')
    INTO members, roles, wide
    FROM held AS h JOIN public.organizations AS o ON o.id = h.organization_id
    WHERE o.deleted_at IS NULL OR h.role = 'owner';
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
# A token ends, too, when its application does.
HOLD_CREDENTIAL = """
CREATE OR REPLACE FUNCTION ctx.hold_credential(credential uuid) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM public.sessions
    WHERE id = credential AND ended_at IS NULL AND expires_at > now() FOR SHARE;
    IF NOT FOUND THEN
        PERFORM FROM public.oauth_access_tokens AS t
        {application}
        WHERE t.id = credential AND t.revoked_at IS NULL AND t.expires_at > now() FOR SHARE;
    END IF;
    IF NOT FOUND THEN
        PERFORM FROM public.personal_tokens
        WHERE id = credential AND revoked_at IS NULL AND deleted_at IS NULL
            AND expires_at > now() FOR SHARE;
    END IF;
    IF NOT FOUND THEN
        PERFORM FROM public.api_keys
        WHERE id = credential AND revoked_at IS NULL AND deleted_at IS NULL
            AND expires_at > now() FOR SHARE;
    END IF;
    RETURN FOUND;
END $$
"""
APPLICATION = """
        JOIN public.oauth_clients AS c ON c.client_id = t.client_id AND c.disabled_at IS NULL
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(HOLD_CREDENTIAL.format(application=APPLICATION.strip()))
    op.execute(HOLD_RIGHTS)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.hold_rights(uuid, uuid[], uuid[]) TO gateway_app")


def downgrade() -> None:
    op.execute("DROP FUNCTION ctx.hold_rights(uuid, uuid[], uuid[])")
    op.execute(HOLD_CREDENTIAL.format(application=""))
