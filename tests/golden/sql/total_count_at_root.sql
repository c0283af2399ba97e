WITH RECURSIVE gone(id) AS
(SELECT blocks_1.id AS id
  FROM blocks AS blocks_1
  WHERE blocks_1.deleted_at IS NOT NULL
  UNION
  SELECT blocks_2.id AS id
  FROM blocks AS blocks_2, gone
  WHERE blocks_2.parent_id = gone.id)
SELECT requirements.id AS id, requirements.organization_id AS organization_id,
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
AND (requirements.organization_id = ANY ($1::UUID[])
  OR requirements.project_id = ANY ($1::UUID[])
  OR requirements.document_id = ANY ($1::UUID[]))
AND requirements.id = ANY (array((SELECT found
      FROM ctx.requirements_search_match((websearch_to_tsquery($2::REGCONFIG,
          $3::VARCHAR) || websearch_to_tsquery($4::REGCONFIG, $5::VARCHAR))) AS found)))
ORDER BY requirements.created_at ASC, requirements.id ASC
LIMIT $6::INTEGER;

WITH RECURSIVE gone(id) AS
(SELECT blocks_1.id AS id
  FROM blocks AS blocks_1
  WHERE blocks_1.deleted_at IS NOT NULL
  UNION
  SELECT blocks_2.id AS id
  FROM blocks AS blocks_2, gone
  WHERE blocks_2.parent_id = gone.id)
SELECT count(*) AS count
FROM (SELECT 1
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
  AND requirements.id = ANY (array((SELECT found
        FROM ctx.requirements_search_match((websearch_to_tsquery($2::REGCONFIG,
            $3::VARCHAR) || websearch_to_tsquery($4::REGCONFIG,
            $5::VARCHAR))) AS found)))) AS anon_1;
