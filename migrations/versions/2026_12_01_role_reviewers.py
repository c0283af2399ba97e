"""The time of the last verdict of a review, and reminders of reviewers by role."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_12_01_role_reviewers"
down_revision = "2026_12_01_bulk"

# Whoever holds a role in a project or a higher one: by the membership of the organization or of the
# project, by an additional role, or, for the role viewer, by the visibility of the project. Service
# accounts are left out.
HOLDERS = """
CREATE FUNCTION ctx.role_holders(tenant uuid, project uuid, lowest text, most int)
RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT m.user_id
FROM public.organization_members AS m
JOIN public.profiles AS p ON p.id = m.user_id
    AND p.deleted_at IS NULL AND p.status = 'active' AND p.service_of IS NULL
CROSS JOIN LATERAL (
    SELECT labels[array_position(labels, lowest):] AS roles
    FROM (SELECT ARRAY['viewer', 'editor', 'admin', 'owner']) AS of (labels)) AS ranks
WHERE m.organization_id = tenant AND m.deleted_at IS NULL AND m.status = 'active'
    AND (m.role::text = ANY (ranks.roles)
        OR EXISTS (SELECT FROM public.project_members AS o
            WHERE o.project_id = project AND o.user_id = m.user_id
                AND o.deleted_at IS NULL AND o.status = 'active'
                AND o.role::text = ANY (ranks.roles))
        OR EXISTS (SELECT FROM public.user_roles AS r
            WHERE r.organization_id = tenant AND r.user_id = m.user_id AND r.deleted_at IS NULL
                AND (r.expires_at IS NULL OR r.expires_at > now())
                AND r.document_id IS NULL AND (r.project_id IS NULL OR r.project_id = project)
                AND coalesce(r.admin_role::text, r.project_role::text) = ANY (ranks.roles))
        OR lowest = 'viewer' AND EXISTS (SELECT FROM public.projects AS v
            WHERE v.id = project AND v.organization_id = tenant
                AND (v.visibility = 'public'
                    OR v.visibility = 'organization' AND m.role <> 'billing')))
ORDER BY m.user_id LIMIT most
$$
"""
HOLDERS_SIGNATURE = "role_holders(uuid, uuid, text, int)"
HEAD = """
CREATE OR REPLACE FUNCTION ctx.due_reviews(reminder text, ahead interval, most int)
RETURNS TABLE (id uuid, organization_id uuid, reviewer_id uuid, due_date timestamptz, key text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
"""
KEY = """concat_ws(' ', r.id, p.reviewer_id,
    to_char(r.due_date AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'))"""
LEFT = """
    AND EXISTS (SELECT FROM public.review_items AS i
        WHERE i.review_id = r.id AND i.deleted_at IS NULL
            AND NOT EXISTS (SELECT FROM public.review_verdicts AS v
                WHERE v.item_id = i.id AND v.reviewer_id = p.reviewer_id AND v.deleted_at IS NULL))
    AND NOT EXISTS (SELECT FROM public.jobs AS j
        WHERE j.organization_id = r.organization_id AND j.kind = reminder AND j.key = k.key)
ORDER BY r.due_date, r.id, p.reviewer_id LIMIT most
$$
"""
DUE = f"""{HEAD}
SELECT r.id, r.organization_id, p.reviewer_id, r.due_date, k.key
FROM public.reviews AS r
CROSS JOIN LATERAL (
    SELECT coalesce(n.reviewer_id, h.holder) AS reviewer_id
    FROM public.reviewers AS n
    LEFT JOIN LATERAL ctx.role_holders(r.organization_id, r.project_id, n.role::text, 1000)
        AS h (holder) ON n.role IS NOT NULL AND h.holder IS DISTINCT FROM r.created_by
    WHERE n.organization_id = r.organization_id AND n.project_id = r.project_id
        AND n.review_id = r.id AND n.deleted_at IS NULL
    GROUP BY 1
) AS p
CROSS JOIN LATERAL (SELECT {KEY} AS key) AS k
WHERE r.due_date > now() AND r.due_date <= now() + ahead
    AND r.state = 'open' AND r.deleted_at IS NULL AND p.reviewer_id IS NOT NULL{LEFT}"""  # noqa: S608
BEFORE = f"""{HEAD}
SELECT r.id, r.organization_id, p.reviewer_id, r.due_date, k.key
FROM public.reviews AS r
JOIN public.reviewers AS p ON p.organization_id = r.organization_id
    AND p.project_id = r.project_id AND p.review_id = r.id
    AND p.reviewer_id IS NOT NULL AND p.deleted_at IS NULL
CROSS JOIN LATERAL (SELECT {KEY} AS key) AS k
WHERE r.due_date > now() AND r.due_date <= now() + ahead
    AND r.state = 'open' AND r.deleted_at IS NULL{LEFT}"""  # noqa: S608


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column("reviews", sa.Column("last_verdict_at", TIME, nullable=True))
    op.execute(HOLDERS)
    op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{HOLDERS_SIGNATURE} TO gateway_auth")
    op.execute(DUE)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(BEFORE)
    op.execute(f"DROP FUNCTION ctx.{HOLDERS_SIGNATURE}")
    op.drop_column("reviews", "last_verdict_at")
