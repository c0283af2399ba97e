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
    LIMIT ALL OFFSET 0) AS below ON true)
SELECT requirements.(...)
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
AND (requirements.organization_id = ANY ($2::UUID[])
  OR requirements.project_id = ANY ($2::UUID[])
  OR requirements.document_id = ANY ($2::UUID[])
  OR $3::INTEGER > $4::INTEGER
  AND requirements.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
AND requirements.document_id = $5::UUID
AND requirements.created_at >= $6::TIMESTAMP WITH TIME ZONE
AND (requirements.created_at > $6::TIMESTAMP WITH TIME ZONE
  OR requirements.created_at = $6::TIMESTAMP WITH TIME ZONE
  AND requirements.id > $7::UUID)
ORDER BY requirements.created_at ASC, requirements.id ASC
LIMIT $8::INTEGER;
