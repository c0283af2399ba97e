WITH RECURSIVE gone(id) AS
(SELECT blocks_1.id AS id
  FROM blocks AS blocks_1
  WHERE blocks_1.deleted_at IS NOT NULL
  UNION
  SELECT blocks_2.id AS id
  FROM blocks AS blocks_2, gone
  WHERE blocks_2.parent_id = gone.id)
SELECT found.id, found.type, found.name, found.deleted_at, found.deleted_by, found.organization_id,
    CASE WHEN found.purged THEN found.deleted_at + make_interval($1::INTEGER, $2::INTEGER,
    $3::INTEGER, organizations.trash_retention_days) END AS purgeable_at
FROM ((SELECT documents.id AS id, $4::VARCHAR AS type, documents.name AS name,
    documents.deleted_at AS deleted_at, documents.deleted_by AS deleted_by,
    documents.organization_id AS organization_id, $5::BOOLEAN AS purged
    FROM documents
    WHERE documents.deleted_at IS NOT NULL
    AND NOT (EXISTS (SELECT *
        FROM organizations
        WHERE organizations.id = documents.organization_id
        AND organizations.deleted_at IS NOT NULL))
    AND NOT (EXISTS (SELECT *
        FROM projects
        WHERE projects.id = documents.project_id
        AND projects.deleted_at IS NOT NULL))
    AND (documents.organization_id = ANY ($6::UUID[])
      OR documents.project_id = ANY ($6::UUID[])
      OR documents.id = ANY ($6::UUID[]))
    AND (documents.organization_id = ANY ($7::UUID[])
      OR documents.project_id = ANY ($7::UUID[])
      OR documents.id = ANY ($7::UUID[]))
    AND documents.id = $8::UUID
    ORDER BY documents.deleted_at DESC, documents.id DESC
    LIMIT $9::INTEGER)
  UNION ALL (SELECT blocks.id AS id, $10::VARCHAR AS type, blocks.name AS name,
      blocks.deleted_at AS deleted_at, blocks.deleted_by AS deleted_by,
      blocks.organization_id AS organization_id, $11::BOOLEAN AS purged
    FROM blocks
    WHERE blocks.deleted_at IS NOT NULL
    AND NOT (EXISTS (SELECT *
        FROM organizations
        WHERE organizations.id = blocks.organization_id
        AND organizations.deleted_at IS NOT NULL))
    AND NOT (EXISTS (SELECT *
        FROM projects
        WHERE projects.id = blocks.project_id
        AND projects.deleted_at IS NOT NULL))
    AND NOT (EXISTS (SELECT *
        FROM documents
        WHERE documents.id = blocks.document_id
        AND documents.deleted_at IS NOT NULL))
    AND NOT (EXISTS (SELECT *
        FROM gone
        WHERE gone.id = blocks.parent_id))
    AND (blocks.organization_id = ANY ($6::UUID[])
      OR blocks.project_id = ANY ($6::UUID[])
      OR blocks.document_id = ANY ($6::UUID[]))
    AND (blocks.organization_id = ANY ($12::UUID[])
      OR blocks.project_id = ANY ($12::UUID[])
      OR blocks.document_id = ANY ($12::UUID[]))
    AND blocks.document_id = $13::UUID
    ORDER BY blocks.deleted_at DESC, blocks.id DESC
    LIMIT $14::INTEGER)
  UNION ALL (SELECT requirements.id AS id, $15::VARCHAR AS type, requirements.name AS name,
      requirements.deleted_at AS deleted_at, requirements.deleted_by AS deleted_by,
      requirements.organization_id AS organization_id, $16::BOOLEAN AS purged
    FROM requirements
    WHERE requirements.deleted_at IS NOT NULL
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
    AND (requirements.organization_id = ANY ($6::UUID[])
      OR requirements.project_id = ANY ($6::UUID[])
      OR requirements.document_id = ANY ($6::UUID[]))
    AND (requirements.organization_id = ANY ($12::UUID[])
      OR requirements.project_id = ANY ($12::UUID[])
      OR requirements.document_id = ANY ($12::UUID[]))
    AND requirements.document_id = $17::UUID
    ORDER BY requirements.deleted_at DESC, requirements.id DESC
    LIMIT $18::INTEGER)
  UNION ALL (SELECT baselines.id AS id, $19::VARCHAR AS type, baselines.name AS name,
      baselines.deleted_at AS deleted_at, baselines.deleted_by AS deleted_by,
      baselines.organization_id AS organization_id, $20::BOOLEAN AS purged
    FROM baselines
    WHERE baselines.deleted_at IS NOT NULL
    AND NOT (EXISTS (SELECT *
        FROM organizations
        WHERE organizations.id = baselines.organization_id
        AND organizations.deleted_at IS NOT NULL))
    AND NOT (EXISTS (SELECT *
        FROM projects
        WHERE projects.id = baselines.project_id
        AND projects.deleted_at IS NOT NULL))
    AND NOT (EXISTS (SELECT *
        FROM documents
        WHERE documents.id = baselines.document_id
        AND documents.deleted_at IS NOT NULL))
    AND (baselines.organization_id = ANY ($6::UUID[])
      OR baselines.project_id = ANY ($6::UUID[])
      OR baselines.document_id = ANY ($6::UUID[]))
    AND (baselines.organization_id = ANY ($7::UUID[])
      OR baselines.project_id = ANY ($7::UUID[])
      OR baselines.document_id = ANY ($7::UUID[]))
    AND baselines.document_id = $21::UUID
    ORDER BY baselines.deleted_at DESC, baselines.id DESC
    LIMIT $22::INTEGER)) AS found
LEFT OUTER
JOIN organizations ON organizations.id = found.organization_id
ORDER BY found.deleted_at DESC, found.id DESC
LIMIT $23::INTEGER;
