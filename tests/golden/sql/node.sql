WITH RECURSIVE gone_blocks_by_requirements_id(id) AS
(SELECT blocks.id AS id
  FROM blocks
  WHERE blocks.deleted_at IS NOT NULL
  AND blocks.document_id = ANY (array((SELECT requirements.document_id
        FROM requirements
        WHERE requirements.id = ANY ($2::UUID[]))))
  UNION
  SELECT below.id AS id
  FROM gone_blocks_by_requirements_id
  JOIN LATERAL (SELECT blocks_1.id AS id
    FROM blocks AS blocks_1
    WHERE blocks_1.parent_id = gone_blocks_by_requirements_id.id
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
AND ((requirements.block_id NOT IN (SELECT unnest(array((SELECT gone_blocks_by_requirements_id.id
            FROM gone_blocks_by_requirements_id))) AS unnest_4))) IS NOT false
AND (requirements.organization_id = ANY ($3::UUID[])
  OR requirements.project_id = ANY ($3::UUID[])
  OR requirements.document_id = ANY ($3::UUID[])
  OR $4::INTEGER > $5::INTEGER
  AND requirements.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
AND requirements.id = ANY ($2::UUID[]);
