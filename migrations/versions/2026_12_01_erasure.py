"""The export and the erasure of everything about a person."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_erasure"
down_revision = "2026_12_01_accounts"

# An organization in which the person was alone can be purged at once, and not after its retention.
EXPIRE = """
CREATE FUNCTION ctx.expire_organization(person uuid, organization uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.organizations AS o
    SET trash_retention_days = 1, deleted_at = least(o.deleted_at, now() - interval '2 days')
    WHERE o.id = organization AND o.deleted_at IS NOT NULL
        AND EXISTS (
            SELECT FROM public.organization_members AS m
            WHERE m.organization_id = o.id AND m.user_id = person AND m.role = 'owner'
                AND m.deleted_at IS NULL AND m.status = 'active')
        AND NOT EXISTS (
            SELECT FROM public.organization_members AS m
            JOIN public.profiles AS p ON p.id = m.user_id
            WHERE m.organization_id = o.id AND m.user_id <> person
                AND m.deleted_at IS NULL AND m.status = 'active' AND p.service_of IS NULL);
    RETURN FOUND;
END $$
"""

# Everything that tells who a closed account was. An address that another account has by now is
# left to that account. Returns the number of rows by table; null when there is no such account.
ERASE = r"""
CREATE FUNCTION ctx.erase_person(person uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    addresses text[];
    counts jsonb := '{}';
    step record;
    number bigint;
BEGIN
    PERFORM FROM public.profiles AS p
    WHERE p.id = person AND p.service_of IS NULL AND p.deleted_at IS NOT NULL
        AND p.erased_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(DISTINCT lower(known.address)) INTO addresses
    FROM (
        SELECT p.email AS address FROM public.profiles AS p WHERE p.id = person
        UNION SELECT d.data::jsonb #>> ARRAY[side, 'email']
        FROM public.audit_personal_data AS d, unnest(ARRAY['old', 'new']) AS side
        WHERE d.subject_id = person
    ) AS known
    WHERE known.address IS NOT NULL AND NOT EXISTS (
        SELECT FROM public.profiles AS other
        WHERE lower(other.email) = lower(known.address) AND other.deleted_at IS NULL);
    FOR step IN SELECT * FROM (VALUES
        ('audit_personal_data', 'DELETE FROM public.audit_personal_data WHERE subject_id = $1'
            ' OR subject_id IN (SELECT id FROM public.organization_invitations'
            ' WHERE lower(email) = ANY ($2))'),
        ('organization_invitations', 'UPDATE public.organization_invitations'
            ' SET email = id || ''@erased.invalid'', version = version + 1, updated_at = now()'
            ' WHERE lower(email) = ANY ($2)'),
        ('mailed_links', 'DELETE FROM public.mailed_links'
            ' WHERE user_id = $1 OR lower(email) = ANY ($2)'),
        ('sessions', 'DELETE FROM public.sessions WHERE user_id = $1'),
        ('oauth_authorization_codes',
            'DELETE FROM public.oauth_authorization_codes WHERE user_id = $1'),
        ('oauth_device_codes', 'DELETE FROM public.oauth_device_codes WHERE user_id = $1'),
        ('oauth_refresh_tokens', 'DELETE FROM public.oauth_refresh_tokens WHERE user_id = $1'),
        ('oauth_access_tokens', 'DELETE FROM public.oauth_access_tokens WHERE user_id = $1'),
        ('oauth_consents', 'DELETE FROM public.oauth_consents WHERE user_id = $1'),
        ('personal_tokens', 'DELETE FROM public.personal_tokens WHERE user_id = $1'),
        ('second_factors', 'DELETE FROM public.second_factors WHERE user_id = $1'),
        ('recovery_codes', 'DELETE FROM public.recovery_codes WHERE user_id = $1'),
        ('profile_credentials', 'DELETE FROM public.profile_credentials WHERE user_id = $1'),
        ('idempotency_keys', 'DELETE FROM public.idempotency_keys WHERE user_id = $1'),
        ('notifications', 'DELETE FROM public.notifications WHERE user_id = $1'),
        ('profiles', 'UPDATE public.profiles SET email = id || ''@erased.invalid'','
            ' full_name = NULL, first_name = NULL, last_name = NULL, job_title = NULL,'
            ' locale = NULL, time_zone = ''UTC'', avatar_id = NULL, avatar_type = NULL,'
            ' avatar_sha256 = NULL, contact = NULL, preferences = ''{}'','
            ' personal_organization_id = NULL, current_organization_id = NULL,'
            ' erased_at = now(), version = version + 1, updated_at = now() WHERE id = $1')
    ) AS steps (name, statement)
    LOOP
        EXECUTE step.statement USING person, addresses;
        GET DIAGNOSTICS number = ROW_COUNT;
        counts := counts || jsonb_build_object(step.name, number);
    END LOOP;
    RETURN counts;
END $$
"""

# Rows about the person are whole, but for digests, bytes and vectors. Of rows that they have
# written in organizations, which belong to these, only the place is told.
EXPORT = r"""
CREATE FUNCTION ctx.export_person(person uuid) RETURNS TABLE (kind text, content jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    address text := (SELECT lower(p.email) FROM public.profiles AS p WHERE p.id = person);
    secrets text[] := ARRAY['token', 'token_hash', 'code', 'device_code', 'user_code', 'secret',
        'password_hash', 'key_hash', 'code_hash', 'code_challenge', 'nonce', 'state', 'contact',
        'answer', 'request_hash', 'former_secret', 'client_secret'];
    relation record;
BEGIN
    FOR relation IN SELECT * FROM (VALUES
        ('profiles', 'id = $1'),
        ('sessions', 'user_id = $1'),
        ('oauth_consents', 'user_id = $1'),
        ('oauth_access_tokens', 'user_id = $1'),
        ('oauth_refresh_tokens', 'user_id = $1'),
        ('personal_tokens', 'user_id = $1'),
        ('second_factors', 'user_id = $1'),
        ('profile_credentials', 'user_id = $1'),
        ('mailed_links', 'user_id = $1'),
        ('organization_members', 'user_id = $1'),
        ('project_members', 'user_id = $1'),
        ('user_roles', 'user_id = $1'),
        ('organization_invitations', 'lower(email) = $2'),
        ('notifications', 'user_id = $1'),
        ('assignments', 'assignee_id = $1'),
        ('usage_logs', 'user_id = $1'),
        ('audit_personal_data', 'subject_id = $1')
    ) AS whole (name, condition)
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %1$L::text, to_jsonb(t) - $3 - ARRAY(SELECT attname FROM pg_attribute'
            ' WHERE attrelid = %2$L::regclass AND atttypid IN (''bytea''::regtype,'
            ' ''tsvector''::regtype))::text[] FROM public.%1$I AS t WHERE %3$s',
            relation.name, 'public.' || relation.name, relation.condition)
        USING person, address, secrets;
    END LOOP;
    RETURN QUERY SELECT 'audit_logs', jsonb_build_object('id', e.id, 'created_at', e.created_at,
        'action', e.action, 'entity_type', e.entity_type, 'entity_id', e.entity_id,
        'organization_id', e.organization_id, 'ip_address', host(e.ip_address),
        'user_agent', e.user_agent)
    FROM public.audit_logs AS e WHERE e.actor_id = person OR e.user_id = person;
    FOR relation IN
        SELECT c.relname AS name FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'created_by'
        JOIN pg_attribute AS o ON o.attrelid = c.oid AND o.attname = 'organization_id'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition
        ORDER BY c.relname
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT ''written''::text, jsonb_build_object(''table'', %1$L, ''id'', t.id,'
            ' ''organization_id'', t.organization_id, ''created_at'', t.created_at)'
            ' FROM public.%1$I AS t WHERE t.created_by = $1', relation.name)
        USING person;
    END LOOP;
END $$
"""
FUNCTIONS = {
    "ctx.expire_organization(uuid, uuid)": EXPIRE,
    "ctx.erase_person(uuid)": ERASE,
    "ctx.export_person(uuid)": EXPORT,
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name, sql in FUNCTIONS.items():
        op.execute(sql)
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO gateway_auth")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
