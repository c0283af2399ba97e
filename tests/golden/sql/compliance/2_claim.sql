WITH RECURSIVE waiting (round, id, number) AS (
  SELECT r.number, n.id, 1
  FROM (VALUES (1, coalesce(after, '00000000-0000-0000-0000-000000000000'::uuid)), (2,
      '00000000-0000-0000-0000-000000000000'::uuid)) AS r (number, start)
  CROSS
  JOIN LATERAL (
    SELECT a.organization_id AS id
    FROM public.assessments AS a
    WHERE a.status = 'pending'
    AND a.deleted_at IS NULL
    AND a.organization_id > r.start
    ORDER BY a.organization_id
    LIMIT 1) AS n
  WHERE tenants IS NULL
  UNION ALL
  SELECT w.round, n.id, w.number + 1
  FROM waiting AS w CROSS
  JOIN LATERAL (
    SELECT a.organization_id AS id
    FROM public.assessments AS a
    WHERE a.status = 'pending'
    AND a.deleted_at IS NULL
    AND a.organization_id > w.id
    ORDER BY a.organization_id
    LIMIT 1) AS n
  WHERE w.number < 32
  ),
tenant AS (
  SELECT w.round, w.id
  FROM waiting AS w
  WHERE w.round = 1
  OR w.id <= after
  UNION
  SELECT CASE WHEN t.id <= after THEN 2 ELSE 1 END, t.id
  FROM unnest(tenants) AS t (id)
  ),
fair AS MATERIALIZED (
  SELECT j.id, t.round, t.id AS tenant
  FROM (SELECT t.round, t.id
    FROM tenant AS t
    ORDER BY t.round, t.id) AS t
  CROSS
  JOIN LATERAL (
    SELECT a.id
    FROM public.assessments AS a
    JOIN public.compliance_documents AS d ON d.id = a.compliance_document_id
    JOIN public.organizations AS o ON o.id = a.organization_id
    WHERE a.status = 'pending'
    AND a.deleted_at IS NULL
    AND d.deleted_at IS NULL
    AND o.deleted_at IS NULL
    AND a.organization_id BETWEEN t.id
    AND t.id
    ORDER BY a.organization_id, a.created_at, a.id
    LIMIT 1 FOR UPDATE OF a SKIP LOCKED) AS j
  LIMIT most
  ),
oldest AS MATERIALIZED (
  SELECT a.id
  FROM public.assessments AS a
  JOIN public.compliance_documents AS d ON d.id = a.compliance_document_id
  JOIN public.organizations AS o ON o.id = a.organization_id
  WHERE a.status = 'pending'
  AND a.deleted_at IS NULL
  AND d.deleted_at IS NULL
  AND o.deleted_at IS NULL
  AND (tenants IS NULL
    OR a.organization_id = ANY (tenants))
  AND a.id <> ALL (ARRAY(SELECT f.id
      FROM fair AS f))
  ORDER BY a.created_at, a.id
  LIMIT most - (SELECT count(*)
    FROM fair)
  FOR UPDATE OF a SKIP LOCKED
  ),
taken AS (
  SELECT f.id, f.round, f.tenant
  FROM fair AS f
  UNION ALL
  SELECT o.id, 3, NULL
  FROM oldest AS o
  )
SELECT a.*
FROM taken AS c
JOIN public.assessments AS a ON a.id = c.id
ORDER BY c.round, c.tenant, a.created_at, a.id
