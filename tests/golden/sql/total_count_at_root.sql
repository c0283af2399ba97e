WITH RECURSIVE gone_blocks(id) AS
(SELECT blocks.id AS id
  FROM blocks
  WHERE blocks.deleted_at IS NOT NULL
  AND blocks.organization_id = ANY ($1::UUID[])
  UNION
  SELECT below.id AS id
  FROM gone_blocks
  JOIN LATERAL (SELECT blocks_1.id AS id
    FROM blocks AS blocks_1
    WHERE blocks_1.parent_id = gone_blocks.id
    LIMIT ALL OFFSET 0) AS below ON true),
found AS
(SELECT ctx.requirements_search_match((SELECT ctx.search_query($3::TEXT[]) AS search_query_1)) AS id
  LIMIT 1001),
way AS MATERIALIZED
(SELECT (SELECT count(*) <= 1000 AS anon_2
    FROM found) AS by_index)
SELECT pages.(...)
FROM (SELECT anon_1.(...)
  FROM (SELECT requirements.(...)
    FROM requirements
    WHERE requirements.deleted_at IS NULL
    AND (requirements.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
              FROM organizations
              WHERE organizations.deleted_at IS NOT NULL
              AND organizations.id = ANY ($1::UUID[])))) AS unnest_1))
    AND (requirements.project_id NOT IN (SELECT unnest(array((SELECT projects.id
              FROM projects
              WHERE projects.deleted_at IS NOT NULL
              AND projects.organization_id = ANY ($1::UUID[])))) AS unnest_2))
    AND (requirements.document_id NOT IN (SELECT unnest(array((SELECT documents.id
              FROM documents
              WHERE documents.deleted_at IS NOT NULL
              AND documents.organization_id = ANY ($1::UUID[])))) AS unnest_3))
    AND ((requirements.block_id NOT IN (SELECT unnest(array((SELECT gone_blocks.id
                FROM gone_blocks))) AS unnest_4))) IS NOT false
    AND requirements.organization_id = $2::UUID
    AND (SELECT way.by_index
      FROM way) IS true
    AND requirements.id = ANY (array((SELECT found.id
          FROM found)))
    ORDER BY requirements.created_at ASC, requirements.id ASC
    LIMIT $4::INTEGER) AS anon_1
  UNION ALL
  SELECT anon_3.(...)
  FROM (SELECT requirements.(...)
    FROM requirements
    WHERE requirements.deleted_at IS NULL
    AND (requirements.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
              FROM organizations
              WHERE organizations.deleted_at IS NOT NULL
              AND organizations.id = ANY ($1::UUID[])))) AS unnest_5))
    AND (requirements.project_id NOT IN (SELECT unnest(array((SELECT projects.id
              FROM projects
              WHERE projects.deleted_at IS NOT NULL
              AND projects.organization_id = ANY ($1::UUID[])))) AS unnest_6))
    AND (requirements.document_id NOT IN (SELECT unnest(array((SELECT documents.id
              FROM documents
              WHERE documents.deleted_at IS NOT NULL
              AND documents.organization_id = ANY ($1::UUID[])))) AS unnest_7))
    AND ((requirements.block_id NOT IN (SELECT unnest(array((SELECT gone_blocks.id
                FROM gone_blocks))) AS unnest_8))) IS NOT false
    AND requirements.organization_id = $2::UUID
    AND (SELECT way.by_index
      FROM way) IS false
    AND coalesce(requirements.search @@ (SELECT ctx.search_query($3::TEXT[]) AS search_query_1),
        false)
    ORDER BY requirements.created_at ASC, requirements.id ASC
    LIMIT $4::INTEGER) AS anon_3) AS pages
ORDER BY pages.o0 ASC, pages.o1 ASC
LIMIT $4::INTEGER;

WITH RECURSIVE gone_blocks(id) AS
(SELECT blocks.id AS id
  FROM blocks
  WHERE blocks.deleted_at IS NOT NULL
  AND blocks.organization_id = ANY ($1::UUID[])
  UNION
  SELECT below.id AS id
  FROM gone_blocks
  JOIN LATERAL (SELECT blocks_1.id AS id
    FROM blocks AS blocks_1
    WHERE blocks_1.parent_id = gone_blocks.id
    LIMIT ALL OFFSET 0) AS below ON true),
found AS
(SELECT ctx.requirements_search_match((SELECT ctx.search_query($3::TEXT[]) AS search_query_1)) AS id
  LIMIT 20001),
way AS MATERIALIZED
(SELECT (SELECT count(*) <= 20000 AS anon_1
    FROM found) AS by_index)
SELECT count(*) AS count
FROM (SELECT 1 AS found
  FROM requirements
  WHERE requirements.deleted_at IS NULL
  AND (requirements.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
            FROM organizations
            WHERE organizations.deleted_at IS NOT NULL
            AND organizations.id = ANY ($1::UUID[])))) AS unnest_1))
  AND (requirements.project_id NOT IN (SELECT unnest(array((SELECT projects.id
            FROM projects
            WHERE projects.deleted_at IS NOT NULL
            AND projects.organization_id = ANY ($1::UUID[])))) AS unnest_2))
  AND (requirements.document_id NOT IN (SELECT unnest(array((SELECT documents.id
            FROM documents
            WHERE documents.deleted_at IS NOT NULL
            AND documents.organization_id = ANY ($1::UUID[])))) AS unnest_3))
  AND ((requirements.block_id NOT IN (SELECT unnest(array((SELECT gone_blocks.id
              FROM gone_blocks))) AS unnest_4))) IS NOT false
  AND requirements.organization_id = $2::UUID
  AND (SELECT way.by_index
    FROM way) IS true
  AND requirements.id = ANY (array((SELECT found.id
        FROM found)))
  UNION ALL
  SELECT 1 AS found
  FROM requirements
  WHERE requirements.deleted_at IS NULL
  AND (requirements.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
            FROM organizations
            WHERE organizations.deleted_at IS NOT NULL
            AND organizations.id = ANY ($1::UUID[])))) AS unnest_5))
  AND (requirements.project_id NOT IN (SELECT unnest(array((SELECT projects.id
            FROM projects
            WHERE projects.deleted_at IS NOT NULL
            AND projects.organization_id = ANY ($1::UUID[])))) AS unnest_6))
  AND (requirements.document_id NOT IN (SELECT unnest(array((SELECT documents.id
            FROM documents
            WHERE documents.deleted_at IS NOT NULL
            AND documents.organization_id = ANY ($1::UUID[])))) AS unnest_7))
  AND ((requirements.block_id NOT IN (SELECT unnest(array((SELECT gone_blocks.id
              FROM gone_blocks))) AS unnest_8))) IS NOT false
  AND requirements.organization_id = $2::UUID
  AND (SELECT way.by_index
    FROM way) IS false
  AND coalesce(requirements.search @@ (SELECT ctx.search_query($3::TEXT[]) AS search_query_1),
      false)) AS pages;
