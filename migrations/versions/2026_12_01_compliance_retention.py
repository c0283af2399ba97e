"""The archive of results, and the erasure of what a person has uploaded and assessed."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_compliance_retention"
down_revision = "2026_12_01_compliance_catalogue"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
DUE = f"""
CREATE FUNCTION ctx.results_to_archive(days int, most int)
RETURNS TABLE (id uuid, results text) LANGUAGE sql STABLE {DEFINER} AS $$
SELECT a.id, a.results::text FROM public.assessments AS a
JOIN public.organizations AS o ON o.id = a.organization_id
WHERE a.status = 'completed' AND a.results_archived_at IS NULL AND o.billing_plan = 'free'
    AND a.completed_at <= now() - make_interval(
        days => coalesce((o.usage_limits ->> 'result_days')::int, days))
ORDER BY a.completed_at LIMIT most
$$
"""  # noqa: S608 (ours)
# The results are what was stored, unless they were archived meanwhile.
ARCHIVE = f"""
CREATE FUNCTION ctx.archive_results(assessment uuid, digest text) RETURNS boolean
LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    was public.assessments;
    becomes public.assessments;
BEGIN
    SELECT * INTO was FROM public.assessments AS a
    WHERE a.id = assessment AND a.results_archived_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE public.assessments AS a SET results_archived_at = now(),
        results = jsonb_build_object('archive', jsonb_build_object('sha256', digest)),
        results_key = format('files/%s/%s', a.id, digest),
        version = a.version + 1, updated_at = now(), updated_by = NULL
    WHERE a.id = assessment RETURNING a.* INTO becomes;
    PERFORM ctx.record_assessment(was, becomes);
    RETURN true;
END $$
"""  # noqa: S608 (ours)
REMOVE = f"""
CREATE FUNCTION ctx.remove_archived_results() RETURNS trigger LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
    INSERT INTO public.file_removals (file_id)
    SELECT id FROM removed WHERE results_key IS NOT NULL;
    RETURN NULL;
END $$
"""  # noqa: S608 (ours)
# Erasing a person purges their documents with all assessments of these, which quote them, and
# their assessments of others' documents. The record says that they were purged; usage events stay.
ERASE = f"""
CREATE FUNCTION ctx.erase_compliance() RETURNS trigger LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    gone uuid[] := ARRAY(SELECT a.id FROM public.assessments AS a
        JOIN public.compliance_documents AS d ON d.id = a.compliance_document_id
        WHERE NEW.id IN (a.user_id, d.user_id));
BEGIN
    DELETE FROM public.finding_tasks AS t WHERE t.assessment_id = ANY (gone);
    WITH removed AS (
        DELETE FROM public.assessments AS a WHERE a.id = ANY (gone)
        RETURNING a.id, a.organization_id, a.version
    )
    INSERT INTO public.audit_logs (organization_id, entity_id, entity_type, action, version,
        event_type, resource_type, resource_id, severity, soc2_control, user_id, description)
    SELECT organization_id, id, 'Assessment', 'purge', version + 1, 'delete', 'assessment', id,
        'medium', 'C1.2', NEW.id, 'The person was erased.'
    FROM removed;
    WITH removed AS (
        DELETE FROM public.compliance_documents AS d WHERE d.user_id = NEW.id
        RETURNING d.id, d.organization_id, d.version
    )
    INSERT INTO public.audit_logs (organization_id, entity_id, entity_type, action, version,
        event_type, resource_type, resource_id, severity, soc2_control, user_id, description)
    SELECT organization_id, id, 'ComplianceDocument', 'purge', version + 1, 'delete',
        'compliance_document', id, 'medium', 'C1.2', NEW.id, 'The person was erased.'
    FROM removed;
    RETURN NULL;
END $$
"""  # noqa: S608 (ours)
FUNCTIONS = {
    "results_to_archive(int, int)": (DUE, "gateway_auth"),
    "archive_results(uuid, text)": (ARCHIVE, "gateway_auth"),
    "remove_archived_results()": (REMOVE, None),
    "erase_compliance()": (ERASE, None),
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name, (definition, role) in FUNCTIONS.items():
        op.execute(definition)
        if role:
            op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name} TO {role}")
    op.execute(
        "CREATE TRIGGER remove_archived_results AFTER DELETE ON assessments"
        " REFERENCING OLD TABLE AS removed"
        " FOR EACH STATEMENT EXECUTE FUNCTION ctx.remove_archived_results()"
    )
    op.execute(
        "CREATE TRIGGER erase_compliance AFTER UPDATE OF erased_at ON profiles FOR EACH ROW"
        " WHEN (OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL)"
        " EXECUTE FUNCTION ctx.erase_compliance()"
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP TRIGGER erase_compliance ON profiles")
    op.execute("DROP TRIGGER remove_archived_results ON assessments")
    for name in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION ctx.{name}")
