SELECT documents.id AS id, documents.organization_id AS organization_id,
    documents.project_id AS project_id, documents.name AS name, documents.slug AS slug,
    documents.description AS description, documents.tags AS tags,
    documents.external_id AS external_id, documents.position AS position,
    documents.version AS version, documents.created_at AS created_at,
    documents.created_by AS created_by, documents.updated_at AS updated_at,
    documents.updated_by AS updated_by, documents.deleted_at AS deleted_at,
    documents.deleted_by AS deleted_by
FROM documents
WHERE documents.deleted_at IS NULL
AND NOT (EXISTS (SELECT *
    FROM organizations
    WHERE organizations.id = documents.organization_id
    AND organizations.deleted_at IS NOT NULL))
AND NOT (EXISTS (SELECT *
    FROM projects
    WHERE projects.id = documents.project_id
    AND projects.deleted_at IS NOT NULL))
AND (documents.organization_id = ANY ($1::UUID[])
  OR documents.project_id = ANY ($1::UUID[])
  OR documents.id = ANY ($1::UUID[]))
AND documents.id = ANY ($2::UUID[]);

WITH RECURSIVE gone(id) AS
(SELECT blocks_1.id AS id
  FROM blocks AS blocks_1
  WHERE blocks_1.deleted_at IS NOT NULL
  UNION
  SELECT blocks_2.id AS id
  FROM blocks AS blocks_2, gone
  WHERE blocks_2.parent_id = gone.id)
SELECT page.id, page.organization_id, page.project_id, page.document_id, page.block_id,
    page.external_id, page.name, page.description, page.status, page.format, page.priority,
    page.level, page.position, page.tags, page.original_requirement, page.enhanced_requirement,
    page.ai_analysis, page.properties, page.version, page.created_at, page.created_by,
    page.updated_at, page.updated_by, page.deleted_at, page.deleted_by
FROM unnest($1::UUID[]) AS parent(id)
JOIN LATERAL (SELECT requirements.id AS id, requirements.organization_id AS organization_id,
    requirements.project_id AS project_id, requirements.document_id AS document_id,
    requirements.block_id AS block_id, requirements.external_id AS external_id,
    requirements.name AS name, requirements.description AS description,
    requirements.status AS status, requirements.format AS format, requirements.priority AS priority,
    requirements.level AS level, requirements.position AS position, requirements.tags AS tags,
    requirements.original_requirement AS original_requirement,
    requirements.enhanced_requirement AS enhanced_requirement,
    requirements.ai_analysis AS ai_analysis, requirements.properties AS properties,
    requirements.version AS version, requirements.created_at AS created_at,
    requirements.created_by AS created_by, requirements.updated_at AS updated_at,
    requirements.updated_by AS updated_by, requirements.deleted_at AS deleted_at,
    requirements.deleted_by AS deleted_by
  FROM requirements
  WHERE requirements.deleted_at IS NULL
  AND NOT (EXISTS (SELECT *
      FROM organizations
      WHERE organizations.id = requirements.organization_id
      AND organizations.deleted_at IS NOT NULL))
  AND NOT (EXISTS (SELECT *
      FROM projects
      WHERE projects.id = requirements.project_id
      AND projects.deleted_at IS NOT NULL))
  AND NOT (EXISTS (SELECT *
      FROM documents
      WHERE documents.id = requirements.document_id
      AND documents.deleted_at IS NOT NULL))
  AND NOT (EXISTS (SELECT *
      FROM gone
      WHERE gone.id = requirements.block_id))
  AND (requirements.organization_id = ANY ($2::UUID[])
    OR requirements.project_id = ANY ($2::UUID[])
    OR requirements.document_id = ANY ($2::UUID[]))
  AND requirements.document_id = parent.id
  ORDER BY requirements.position ASC, requirements.id ASC
  LIMIT $3::INTEGER) AS page ON true;

WITH RECURSIVE gone(id) AS
(SELECT blocks_1.id AS id
  FROM blocks AS blocks_1
  WHERE blocks_1.deleted_at IS NOT NULL
  UNION
  SELECT blocks_2.id AS id
  FROM blocks AS blocks_2, gone
  WHERE blocks_2.parent_id = gone.id)
SELECT requirements.document_id AS parent, count(*) AS count
FROM requirements
WHERE requirements.deleted_at IS NULL
AND NOT (EXISTS (SELECT *
    FROM organizations
    WHERE organizations.id = requirements.organization_id
    AND organizations.deleted_at IS NOT NULL))
AND NOT (EXISTS (SELECT *
    FROM projects
    WHERE projects.id = requirements.project_id
    AND projects.deleted_at IS NOT NULL))
AND NOT (EXISTS (SELECT *
    FROM documents
    WHERE documents.id = requirements.document_id
    AND documents.deleted_at IS NOT NULL))
AND NOT (EXISTS (SELECT *
    FROM gone
    WHERE gone.id = requirements.block_id))
AND (requirements.organization_id = ANY ($1::UUID[])
  OR requirements.project_id = ANY ($1::UUID[])
  OR requirements.document_id = ANY ($1::UUID[]))
AND requirements.document_id = ANY ($2::UUID[])
GROUP BY requirements.document_id;
