"""The functions by which the operator keeps the frameworks."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_compliance_catalogue"
down_revision = "2026_12_01_compliance_billing"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
RECORD = f"""
CREATE FUNCTION ctx.record_framework(framework public.frameworks, verb text, fields text[])
RETURNS void LANGUAGE sql {DEFINER} AS $$
INSERT INTO public.audit_logs (entity_id, entity_type, resource_type, resource_id, action, version,
    changed_fields, new_data, event_type, severity, soc2_control, source_system)
VALUES (framework.id, 'Framework', 'framework', framework.id, verb, framework.version, fields,
    jsonb_build_object('code', framework.code, 'name', framework.name, 'active', framework.active,
        'revision', framework.revision), verb::public.audit_event_type, 'low', 'CC8.1', 'cli')
$$
"""  # noqa: S608 (ours)
# A new framework, or a new revision of the one with this code if its definition or name differs.
ADD = f"""
CREATE FUNCTION ctx.add_framework(new_code text, new_name text, about text, content jsonb)
RETURNS public.frameworks LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    kept public.frameworks;
    is_new boolean;
BEGIN
    INSERT INTO public.frameworks (code, name, description, definition)
    VALUES (new_code, new_name, about, content)
    ON CONFLICT (code) DO NOTHING RETURNING * INTO kept;
    is_new := FOUND;
    IF NOT is_new THEN
        SELECT * INTO kept FROM public.frameworks AS f WHERE f.code = new_code FOR UPDATE;
        UPDATE public.frameworks AS f SET name = new_name, description = about, active = true,
            definition = content, version = f.version + 1, updated_at = now(),
            revision = f.revision
                + ((f.definition, f.name) IS DISTINCT FROM (content, new_name))::int
        WHERE f.id = kept.id AND (f.name, f.description, f.active, f.definition)
            IS DISTINCT FROM (new_name, about, true, content)
        RETURNING f.* INTO kept;
        IF NOT FOUND THEN
            SELECT * INTO kept FROM public.frameworks AS f WHERE f.code = new_code;
            RETURN kept;
        END IF;
    END IF;
    INSERT INTO public.framework_revisions (framework_id, revision, name, definition)
    VALUES (kept.id, kept.revision, kept.name, kept.definition) ON CONFLICT DO NOTHING;
    PERFORM ctx.record_framework(kept, CASE WHEN is_new THEN 'create' ELSE 'update' END,
        '{{name,description,definition,active,revision}}');
    RETURN kept;
END $$
"""  # noqa: S608 (ours)
DEACTIVATE = f"""
CREATE FUNCTION ctx.deactivate_framework(old_code text) RETURNS public.frameworks
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    kept public.frameworks;
BEGIN
    UPDATE public.frameworks AS f
    SET active = false, version = f.version + 1, updated_at = now()
    WHERE f.code = old_code AND f.active RETURNING f.* INTO kept;
    IF FOUND THEN
        PERFORM ctx.record_framework(kept, 'update', '{{active}}');
    ELSE
        SELECT * INTO kept FROM public.frameworks AS f WHERE f.code = old_code;
    END IF;
    RETURN kept;
END $$
"""  # noqa: S608 (ours)
FUNCTIONS = {
    "record_framework(public.frameworks, text, text[])": (RECORD, None),
    "add_framework(text, text, text, jsonb)": (ADD, "gateway_auth"),
    "deactivate_framework(text)": (DEACTIVATE, "gateway_auth"),
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name, (definition, role) in FUNCTIONS.items():
        op.execute(definition)
        if role:
            op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name} TO {role}")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION ctx.{name}")
