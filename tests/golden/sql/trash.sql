WITH RECURSIVE gone_blocks(id) AS
(SELECT blocks.id AS id
  FROM blocks
  WHERE blocks.deleted_at IS NOT NULL
  AND blocks.organization_id = ANY ($6::UUID[])
  UNION
  SELECT below.id AS id
  FROM gone_blocks
  JOIN LATERAL (SELECT blocks_1.id AS id
    FROM blocks AS blocks_1
    WHERE blocks_1.parent_id = gone_blocks.id
    LIMIT ALL OFFSET 0) AS below ON true),
gone_test_req AS
(SELECT test_req.id AS id
  FROM test_req
  WHERE test_req.deleted_at IS NOT NULL
  AND test_req.organization_id = ANY ($6::UUID[])),
gone_requirement_tests AS
(SELECT requirement_tests.id AS id
  FROM requirement_tests
  WHERE requirement_tests.deleted_at IS NOT NULL
  AND requirement_tests.organization_id = ANY ($6::UUID[])),
gone_external_documents AS
(SELECT external_documents.id AS id
  FROM external_documents
  WHERE external_documents.deleted_at IS NOT NULL
  AND external_documents.organization_id = ANY ($6::UUID[])),
gone_comment_threads AS
(SELECT comment_threads.id AS id
  FROM comment_threads
  WHERE comment_threads.deleted_at IS NOT NULL
  AND comment_threads.organization_id = ANY ($6::UUID[]))
SELECT found.(...), CASE WHEN (found.purged
  AND NOT (EXISTS (SELECT legal_holds.id
      FROM legal_holds
      WHERE legal_holds.organization_id = found.organization_id))) THEN found.deleted_at + make_interval($1::INTEGER,
          $2::INTEGER, $3::INTEGER, organizations.trash_retention_days) END AS purgeable_at
FROM ((SELECT documents.id AS id, $4::VARCHAR AS type, documents.(...), $5::BOOLEAN AS purged
    FROM documents
    WHERE documents.deleted_at IS NOT NULL
    AND (documents.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
              FROM organizations
              WHERE organizations.deleted_at IS NOT NULL
              AND organizations.id = ANY ($6::UUID[])))) AS unnest_1))
    AND (documents.project_id NOT IN (SELECT unnest(array((SELECT projects.id
              FROM projects
              WHERE projects.deleted_at IS NOT NULL
              AND projects.organization_id = ANY ($6::UUID[])))) AS unnest_2))
    AND (documents.organization_id = ANY ($7::UUID[])
      OR documents.project_id = ANY ($7::UUID[])
      OR documents.id = ANY ($7::UUID[])
      OR $8::INTEGER > $9::INTEGER
      AND documents.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
    AND (documents.organization_id = ANY ($10::UUID[])
      OR documents.project_id = ANY ($10::UUID[])
      OR documents.id = ANY ($10::UUID[]))
    AND documents.id = $11::UUID
    ORDER BY documents.deleted_at DESC, documents.id DESC
    LIMIT $12::INTEGER)
  UNION ALL (SELECT blocks.id AS id, $13::VARCHAR AS type, blocks.(...), $14::BOOLEAN AS purged
    FROM blocks
    WHERE blocks.deleted_at IS NOT NULL
    AND (blocks.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
              FROM organizations
              WHERE organizations.deleted_at IS NOT NULL
              AND organizations.id = ANY ($6::UUID[])))) AS unnest_3))
    AND (blocks.project_id NOT IN (SELECT unnest(array((SELECT projects.id
              FROM projects
              WHERE projects.deleted_at IS NOT NULL
              AND projects.organization_id = ANY ($6::UUID[])))) AS unnest_4))
    AND (blocks.document_id NOT IN (SELECT unnest(array((SELECT documents.id
              FROM documents
              WHERE documents.deleted_at IS NOT NULL
              AND documents.organization_id = ANY ($6::UUID[])))) AS unnest_5))
    AND ((blocks.parent_id NOT IN (SELECT unnest(array((SELECT gone_blocks.id
                FROM gone_blocks))) AS unnest_6))) IS NOT false
    AND (blocks.organization_id = ANY ($7::UUID[])
      OR blocks.project_id = ANY ($7::UUID[])
      OR blocks.document_id = ANY ($7::UUID[])
      OR $8::INTEGER > $15::INTEGER
      AND blocks.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
    AND (blocks.organization_id = ANY ($16::UUID[])
      OR blocks.project_id = ANY ($16::UUID[])
      OR blocks.document_id = ANY ($16::UUID[]))
    AND blocks.document_id = $17::UUID
    ORDER BY blocks.deleted_at DESC, blocks.id DESC
    LIMIT $18::INTEGER)
  UNION ALL (SELECT requirements.id AS id, $19::VARCHAR AS type, requirements.(...),
      $20::BOOLEAN AS purged
    FROM requirements
    WHERE requirements.deleted_at IS NOT NULL
    AND (requirements.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
              FROM organizations
              WHERE organizations.deleted_at IS NOT NULL
              AND organizations.id = ANY ($6::UUID[])))) AS unnest_7))
    AND (requirements.project_id NOT IN (SELECT unnest(array((SELECT projects.id
              FROM projects
              WHERE projects.deleted_at IS NOT NULL
              AND projects.organization_id = ANY ($6::UUID[])))) AS unnest_8))
    AND (requirements.document_id NOT IN (SELECT unnest(array((SELECT documents.id
              FROM documents
              WHERE documents.deleted_at IS NOT NULL
              AND documents.organization_id = ANY ($6::UUID[])))) AS unnest_9))
    AND ((requirements.block_id NOT IN (SELECT unnest(array((SELECT gone_blocks.id
                FROM gone_blocks))) AS unnest_10))) IS NOT false
    AND (requirements.organization_id = ANY ($7::UUID[])
      OR requirements.project_id = ANY ($7::UUID[])
      OR requirements.document_id = ANY ($7::UUID[])
      OR $8::INTEGER > $21::INTEGER
      AND requirements.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
    AND (requirements.organization_id = ANY ($16::UUID[])
      OR requirements.project_id = ANY ($16::UUID[])
      OR requirements.document_id = ANY ($16::UUID[]))
    AND requirements.document_id = $22::UUID
    ORDER BY requirements.deleted_at DESC, requirements.id DESC
    LIMIT $23::INTEGER)
  UNION ALL (SELECT properties.id AS id, $24::VARCHAR AS type, properties.(...),
      $25::BOOLEAN AS purged
    FROM properties
    WHERE properties.deleted_at IS NOT NULL
    AND (properties.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
              FROM organizations
              WHERE organizations.deleted_at IS NOT NULL
              AND organizations.id = ANY ($6::UUID[])))) AS unnest_11))
    AND ((properties.project_id NOT IN (SELECT unnest(array((SELECT projects.id
                FROM projects
                WHERE projects.deleted_at IS NOT NULL
                AND projects.organization_id = ANY ($6::UUID[])))) AS unnest_12))) IS NOT false
    AND ((properties.document_id NOT IN (SELECT unnest(array((SELECT documents.id
                FROM documents
                WHERE documents.deleted_at IS NOT NULL
                AND documents.organization_id = ANY ($6::UUID[])))) AS unnest_13))) IS NOT false
    AND (properties.organization_id = ANY ($7::UUID[])
      OR properties.project_id = ANY ($7::UUID[])
      OR properties.document_id = ANY ($7::UUID[])
      OR properties.project_id IS NULL
      AND properties.organization_id = ANY ($26::UUID[])
      OR $8::INTEGER > $27::INTEGER
      AND properties.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[]))
      OR (EXISTS (SELECT *
          FROM columns
          WHERE columns.property_id = properties.id
          AND (columns.organization_id = ANY ($7::UUID[])
            OR columns.project_id = ANY ($7::UUID[])
            OR columns.document_id = ANY ($7::UUID[])
            OR $8::INTEGER > $28::INTEGER
            AND columns.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
          AND columns.deleted_at IS NULL)))
    AND (properties.organization_id = ANY ($10::UUID[])
      OR properties.project_id = ANY ($10::UUID[])
      OR properties.document_id = ANY ($10::UUID[]))
    AND properties.document_id = $29::UUID
    ORDER BY properties.deleted_at DESC, properties.id DESC
    LIMIT $30::INTEGER)
  UNION ALL (SELECT columns.id AS id, $31::VARCHAR AS type, (SELECT properties.name
      FROM properties
      WHERE properties.id = columns.property_id) AS name, columns.deleted_at AS deleted_at,
          columns.deleted_by AS deleted_by, columns.organization_id AS organization_id,
          $32::BOOLEAN AS purged
    FROM columns
    WHERE columns.deleted_at IS NOT NULL
    AND (columns.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
              FROM organizations
              WHERE organizations.deleted_at IS NOT NULL
              AND organizations.id = ANY ($6::UUID[])))) AS unnest_14))
    AND (columns.project_id NOT IN (SELECT unnest(array((SELECT projects.id
              FROM projects
              WHERE projects.deleted_at IS NOT NULL
              AND projects.organization_id = ANY ($6::UUID[])))) AS unnest_15))
    AND (columns.document_id NOT IN (SELECT unnest(array((SELECT documents.id
              FROM documents
              WHERE documents.deleted_at IS NOT NULL
              AND documents.organization_id = ANY ($6::UUID[])))) AS unnest_16))
    AND (columns.block_id NOT IN (SELECT unnest(array((SELECT gone_blocks.id
              FROM gone_blocks))) AS unnest_17))
    AND (columns.organization_id = ANY ($7::UUID[])
      OR columns.project_id = ANY ($7::UUID[])
      OR columns.document_id = ANY ($7::UUID[])
      OR $8::INTEGER > $28::INTEGER
      AND columns.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
    AND (columns.organization_id = ANY ($16::UUID[])
      OR columns.project_id = ANY ($16::UUID[])
      OR columns.document_id = ANY ($16::UUID[]))
    AND columns.document_id = $33::UUID
    ORDER BY columns.deleted_at DESC, columns.id DESC
    LIMIT $34::INTEGER)
  UNION ALL (SELECT files.id AS id, $35::VARCHAR AS type, files.(...), $36::BOOLEAN AS purged
    FROM files
    WHERE files.deleted_at IS NOT NULL
    AND (files.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
              FROM organizations
              WHERE organizations.deleted_at IS NOT NULL
              AND organizations.id = ANY ($6::UUID[])))) AS unnest_18))
    AND ((files.project_id NOT IN (SELECT unnest(array((SELECT projects.id
                FROM projects
                WHERE projects.deleted_at IS NOT NULL
                AND projects.organization_id = ANY ($6::UUID[])))) AS unnest_19))) IS NOT false
    AND ((files.document_id NOT IN (SELECT unnest(array((SELECT documents.id
                FROM documents
                WHERE documents.deleted_at IS NOT NULL
                AND documents.organization_id = ANY ($6::UUID[])))) AS unnest_20))) IS NOT false
    AND ((files.test_id NOT IN (SELECT unnest(array((SELECT gone_test_req.id
                FROM gone_test_req))) AS unnest_21))) IS NOT false
    AND ((files.execution_id NOT IN (SELECT unnest(array((SELECT gone_requirement_tests.id
                FROM gone_requirement_tests))) AS unnest_22))) IS NOT false
    AND ((files.external_document_id NOT IN (SELECT unnest(array((SELECT gone_external_documents.id
                FROM gone_external_documents))) AS unnest_23))) IS NOT false
    AND (files.organization_id = ANY ($37::UUID[])
      OR files.project_id = ANY ($37::UUID[])
      OR files.document_id = ANY ($37::UUID[])
      OR files.project_id IS NULL
      AND files.organization_id = ANY ($38::UUID[])
      OR $8::INTEGER > $39::INTEGER
      AND files.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
    AND (files.organization_id = ANY ($16::UUID[])
      OR files.project_id = ANY ($16::UUID[])
      OR files.document_id = ANY ($16::UUID[]))
    AND files.document_id = $40::UUID
    ORDER BY files.deleted_at DESC, files.id DESC
    LIMIT $41::INTEGER)
  UNION ALL (SELECT baselines.id AS id, $42::VARCHAR AS type, baselines.(...),
      $43::BOOLEAN AS purged
    FROM baselines
    WHERE baselines.deleted_at IS NOT NULL
    AND (baselines.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
              FROM organizations
              WHERE organizations.deleted_at IS NOT NULL
              AND organizations.id = ANY ($6::UUID[])))) AS unnest_24))
    AND (baselines.project_id NOT IN (SELECT unnest(array((SELECT projects.id
              FROM projects
              WHERE projects.deleted_at IS NOT NULL
              AND projects.organization_id = ANY ($6::UUID[])))) AS unnest_25))
    AND ((baselines.document_id NOT IN (SELECT unnest(array((SELECT documents.id
                FROM documents
                WHERE documents.deleted_at IS NOT NULL
                AND documents.organization_id = ANY ($6::UUID[])))) AS unnest_26))) IS NOT false
    AND (baselines.organization_id = ANY ($37::UUID[])
      OR baselines.project_id = ANY ($37::UUID[])
      OR baselines.document_id = ANY ($37::UUID[])
      OR baselines.id = ANY ($37::UUID[])
      OR $8::INTEGER > $44::INTEGER
      AND baselines.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
    AND (baselines.organization_id = ANY ($10::UUID[])
      OR baselines.project_id = ANY ($10::UUID[])
      OR baselines.document_id = ANY ($10::UUID[])
      OR baselines.id = ANY ($10::UUID[]))
    AND baselines.document_id = $45::UUID
    ORDER BY baselines.deleted_at DESC, baselines.id DESC
    LIMIT $46::INTEGER)
  UNION ALL (SELECT numbering_rules.id AS id, $47::VARCHAR AS type, numbering_rules.(...),
      $48::BOOLEAN AS purged
    FROM numbering_rules
    WHERE numbering_rules.deleted_at IS NOT NULL
    AND (numbering_rules.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
              FROM organizations
              WHERE organizations.deleted_at IS NOT NULL
              AND organizations.id = ANY ($6::UUID[])))) AS unnest_27))
    AND (numbering_rules.project_id NOT IN (SELECT unnest(array((SELECT projects.id
              FROM projects
              WHERE projects.deleted_at IS NOT NULL
              AND projects.organization_id = ANY ($6::UUID[])))) AS unnest_28))
    AND ((numbering_rules.document_id NOT IN (SELECT unnest(array((SELECT documents.id
                FROM documents
                WHERE documents.deleted_at IS NOT NULL
                AND documents.organization_id = ANY ($6::UUID[])))) AS unnest_29))) IS NOT false
    AND (numbering_rules.organization_id = ANY ($37::UUID[])
      OR numbering_rules.project_id = ANY ($37::UUID[])
      OR numbering_rules.document_id = ANY ($37::UUID[])
      OR $8::INTEGER > $49::INTEGER
      AND numbering_rules.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
    AND (numbering_rules.organization_id = ANY ($10::UUID[])
      OR numbering_rules.project_id = ANY ($10::UUID[])
      OR numbering_rules.document_id = ANY ($10::UUID[]))
    AND numbering_rules.document_id = $50::UUID
    ORDER BY numbering_rules.deleted_at DESC, numbering_rules.id DESC
    LIMIT $51::INTEGER)
  UNION ALL (SELECT comment_threads.id AS id, $52::VARCHAR AS type, $53::VARCHAR AS name,
      comment_threads.deleted_at AS deleted_at, comment_threads.deleted_by AS deleted_by,
      comment_threads.organization_id AS organization_id, $54::BOOLEAN AS purged
    FROM comment_threads
    WHERE comment_threads.deleted_at IS NOT NULL
    AND (comment_threads.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
              FROM organizations
              WHERE organizations.deleted_at IS NOT NULL
              AND organizations.id = ANY ($6::UUID[])))) AS unnest_30))
    AND ((comment_threads.project_id NOT IN (SELECT unnest(array((SELECT projects.id
                FROM projects
                WHERE projects.deleted_at IS NOT NULL
                AND projects.organization_id = ANY ($6::UUID[])))) AS unnest_31))) IS NOT false
    AND ((comment_threads.document_id NOT IN (SELECT unnest(array((SELECT documents.id
                FROM documents
                WHERE documents.deleted_at IS NOT NULL
                AND documents.organization_id = ANY ($6::UUID[])))) AS unnest_32))) IS NOT false
    AND comment_threads.organization_id = ANY ($55::UUID[])
    AND (comment_threads.organization_id = ANY ($56::UUID[])
      OR comment_threads.organization_id = ANY ($16::UUID[])
      OR comment_threads.project_id = ANY ($16::UUID[])
      OR comment_threads.document_id = ANY ($16::UUID[]))
    AND (comment_threads.organization_id = ANY ($37::UUID[])
      OR comment_threads.project_id = ANY ($37::UUID[])
      OR comment_threads.document_id = ANY ($37::UUID[])
      OR comment_threads.project_id IS NULL
      AND comment_threads.organization_id = ANY ($38::UUID[])
      OR $8::INTEGER > $57::INTEGER
      AND comment_threads.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
    AND comment_threads.organization_id = ANY ($55::UUID[])
    AND (comment_threads.created_by = $58::UUID
      AND ($59::UUID IS NULL
        OR comment_threads.project_id = $59::UUID)
      AND comment_threads.organization_id = ANY ($55::UUID[])
      AND (comment_threads.organization_id = ANY ($56::UUID[])
        OR comment_threads.organization_id = ANY ($16::UUID[])
        OR comment_threads.project_id = ANY ($16::UUID[])
        OR comment_threads.document_id = ANY ($16::UUID[]))
      AND (comment_threads.organization_id = ANY ($37::UUID[])
        OR comment_threads.project_id = ANY ($37::UUID[])
        OR comment_threads.document_id = ANY ($37::UUID[])
        OR comment_threads.project_id IS NULL
        AND comment_threads.organization_id = ANY ($38::UUID[])
        OR $8::INTEGER > $57::INTEGER
        AND comment_threads.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
      OR (comment_threads.organization_id = ANY ($56::UUID[])
        OR comment_threads.organization_id = ANY ($16::UUID[])
        OR comment_threads.project_id = ANY ($16::UUID[])
        OR comment_threads.document_id = ANY ($16::UUID[]))
      AND (comment_threads.organization_id = ANY ($10::UUID[])
        OR comment_threads.project_id = ANY ($10::UUID[])
        OR comment_threads.document_id = ANY ($10::UUID[])))
    AND comment_threads.document_id = $60::UUID
    ORDER BY comment_threads.deleted_at DESC, comment_threads.id DESC
    LIMIT $61::INTEGER)
  UNION ALL (SELECT comments.id AS id, $62::VARCHAR AS type, $63::VARCHAR AS name,
      comments.deleted_at AS deleted_at, comments.deleted_by AS deleted_by,
      comments.organization_id AS organization_id, $64::BOOLEAN AS purged
    FROM comments
    WHERE comments.deleted_at IS NOT NULL
    AND (comments.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
              FROM organizations
              WHERE organizations.deleted_at IS NOT NULL
              AND organizations.id = ANY ($6::UUID[])))) AS unnest_33))
    AND ((comments.project_id NOT IN (SELECT unnest(array((SELECT projects.id
                FROM projects
                WHERE projects.deleted_at IS NOT NULL
                AND projects.organization_id = ANY ($6::UUID[])))) AS unnest_34))) IS NOT false
    AND ((comments.document_id NOT IN (SELECT unnest(array((SELECT documents.id
                FROM documents
                WHERE documents.deleted_at IS NOT NULL
                AND documents.organization_id = ANY ($6::UUID[])))) AS unnest_35))) IS NOT false
    AND (comments.thread_id NOT IN (SELECT unnest(array((SELECT gone_comment_threads.id
              FROM gone_comment_threads))) AS unnest_36))
    AND comments.organization_id = ANY ($55::UUID[])
    AND (comments.organization_id = ANY ($56::UUID[])
      OR comments.organization_id = ANY ($16::UUID[])
      OR comments.project_id = ANY ($16::UUID[])
      OR comments.document_id = ANY ($16::UUID[]))
    AND (comments.organization_id = ANY ($37::UUID[])
      OR comments.project_id = ANY ($37::UUID[])
      OR comments.document_id = ANY ($37::UUID[])
      OR comments.project_id IS NULL
      AND comments.organization_id = ANY ($38::UUID[])
      OR $8::INTEGER > $65::INTEGER
      AND comments.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
    AND comments.organization_id = ANY ($55::UUID[])
    AND (comments.created_by = $58::UUID
      AND ($59::UUID IS NULL
        OR comments.project_id = $59::UUID)
      AND comments.organization_id = ANY ($55::UUID[])
      AND (comments.organization_id = ANY ($56::UUID[])
        OR comments.organization_id = ANY ($16::UUID[])
        OR comments.project_id = ANY ($16::UUID[])
        OR comments.document_id = ANY ($16::UUID[]))
      AND (comments.organization_id = ANY ($37::UUID[])
        OR comments.project_id = ANY ($37::UUID[])
        OR comments.document_id = ANY ($37::UUID[])
        OR comments.project_id IS NULL
        AND comments.organization_id = ANY ($38::UUID[])
        OR $8::INTEGER > $65::INTEGER
        AND comments.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
      OR (comments.organization_id = ANY ($56::UUID[])
        OR comments.organization_id = ANY ($16::UUID[])
        OR comments.project_id = ANY ($16::UUID[])
        OR comments.document_id = ANY ($16::UUID[]))
      AND (comments.organization_id = ANY ($10::UUID[])
        OR comments.project_id = ANY ($10::UUID[])
        OR comments.document_id = ANY ($10::UUID[])))
    AND comments.document_id = $66::UUID
    ORDER BY comments.deleted_at DESC, comments.id DESC
    LIMIT $67::INTEGER)
  UNION ALL (SELECT requirement_plans.id AS id, $68::VARCHAR AS type, $69::VARCHAR AS name,
      requirement_plans.deleted_at AS deleted_at, requirement_plans.deleted_by AS deleted_by,
      requirement_plans.organization_id AS organization_id, $70::BOOLEAN AS purged
    FROM requirement_plans
    WHERE requirement_plans.deleted_at IS NOT NULL
    AND (requirement_plans.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
              FROM organizations
              WHERE organizations.deleted_at IS NOT NULL
              AND organizations.id = ANY ($6::UUID[])))) AS unnest_37))
    AND (requirement_plans.project_id NOT IN (SELECT unnest(array((SELECT projects.id
              FROM projects
              WHERE projects.deleted_at IS NOT NULL
              AND projects.organization_id = ANY ($6::UUID[])))) AS unnest_38))
    AND (requirement_plans.document_id NOT IN (SELECT unnest(array((SELECT documents.id
              FROM documents
              WHERE documents.deleted_at IS NOT NULL
              AND documents.organization_id = ANY ($6::UUID[])))) AS unnest_39))
    AND (requirement_plans.organization_id = ANY ($37::UUID[])
      OR requirement_plans.project_id = ANY ($37::UUID[])
      OR requirement_plans.document_id = ANY ($37::UUID[])
      OR $8::INTEGER > $71::INTEGER
      AND requirement_plans.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
    AND (requirement_plans.organization_id = ANY ($16::UUID[])
      OR requirement_plans.project_id = ANY ($16::UUID[])
      OR requirement_plans.document_id = ANY ($16::UUID[]))
    AND requirement_plans.document_id = $72::UUID
    ORDER BY requirement_plans.deleted_at DESC, requirement_plans.id DESC
    LIMIT $73::INTEGER)) AS found
LEFT OUTER
JOIN organizations ON organizations.id = found.organization_id
ORDER BY found.deleted_at DESC, found.id DESC
LIMIT $74::INTEGER;
