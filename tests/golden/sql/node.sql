SELECT anon_1.id, anon_1.place
FROM (SELECT organizations.id AS id, $1::INTEGER AS place
  FROM organizations
  WHERE organizations.id = ANY ($2::UUID[])
  UNION ALL
  SELECT projects.id AS id, $3::INTEGER AS place
  FROM projects
  WHERE projects.id = ANY ($2::UUID[])
  UNION ALL
  SELECT documents.id AS id, $4::INTEGER AS place
  FROM documents
  WHERE documents.id = ANY ($2::UUID[])
  UNION ALL
  SELECT blocks.id AS id, $5::INTEGER AS place
  FROM blocks
  WHERE blocks.id = ANY ($2::UUID[])
  UNION ALL
  SELECT requirements.id AS id, $6::INTEGER AS place
  FROM requirements
  WHERE requirements.id = ANY ($2::UUID[])
  UNION ALL
  SELECT baselines.id AS id, $7::INTEGER AS place
  FROM baselines
  WHERE baselines.id = ANY ($2::UUID[])
  UNION ALL
  SELECT profiles.id AS id, $8::INTEGER AS place
  FROM profiles
  WHERE profiles.id = ANY ($2::UUID[])
  UNION ALL
  SELECT organization_members.id AS id, $9::INTEGER AS place
  FROM organization_members
  WHERE organization_members.id = ANY ($2::UUID[])
  UNION ALL
  SELECT organization_invitations.id AS id, $10::INTEGER AS place
  FROM organization_invitations
  WHERE organization_invitations.id = ANY ($2::UUID[])
  UNION ALL
  SELECT organization_clients.id AS id, $11::INTEGER AS place
  FROM organization_clients
  WHERE organization_clients.id = ANY ($2::UUID[])
  UNION ALL
  SELECT project_members.id AS id, $12::INTEGER AS place
  FROM project_members
  WHERE project_members.id = ANY ($2::UUID[])
  UNION ALL
  SELECT api_keys.id AS id, $13::INTEGER AS place
  FROM api_keys
  WHERE api_keys.id = ANY ($2::UUID[])
  UNION ALL
  SELECT personal_tokens.id AS id, $14::INTEGER AS place
  FROM personal_tokens
  WHERE personal_tokens.id = ANY ($2::UUID[])
  UNION ALL
  SELECT notifications.id AS id, $15::INTEGER AS place
  FROM notifications
  WHERE notifications.id = ANY ($2::UUID[])
  UNION ALL
  SELECT assignments.id AS id, $16::INTEGER AS place
  FROM assignments
  WHERE assignments.id = ANY ($2::UUID[])) AS anon_1;

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
AND requirements.id = ANY ($2::UUID[]);
