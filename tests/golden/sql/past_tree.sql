WITH documents AS
(
  SELECT r.id AS id,
      CASE WHEN later.old ? 'organization_id' THEN p.organization_id ELSE r.organization_id END AS organization_id,
      CASE WHEN later.old ? 'project_id' THEN p.project_id ELSE r.project_id END AS project_id,
      CASE WHEN later.old ? 'name' THEN p.name ELSE r.name END AS name,
      CASE WHEN later.old ? 'slug' THEN p.slug ELSE r.slug END AS slug,
      CASE WHEN later.old ? 'description' THEN p.description ELSE r.description END AS description,
      CASE WHEN later.old ? 'tags' THEN p.tags ELSE r.tags END AS tags,
      CASE WHEN later.old ? 'external_id' THEN p.external_id ELSE r.external_id END AS external_id,
      CASE WHEN later.old ? 'position' THEN p.position ELSE r.position END AS position,
      coalesce(later.version, r.version) AS version, r.created_at AS created_at,
      r.created_by AS created_by,
      CASE WHEN later.version IS NULL THEN r.updated_at ELSE coalesce(made.created_at,
      r.created_at) END AS updated_at,
      CASE WHEN later.version IS NULL THEN r.updated_by WHEN later.version = 1 THEN r.created_by ELSE made.actor_id END AS updated_by,
      CASE WHEN later.old ? 'deleted_at' THEN p.deleted_at ELSE r.deleted_at END AS deleted_at,
      CASE WHEN later.old ? 'deleted_by' THEN p.deleted_by ELSE r.deleted_by END AS deleted_by
  FROM public.documents AS r
  LEFT
  JOIN LATERAL (
    SELECT min(e.version) - 1 AS version,
    ctx.overlay(e.old_data
      ORDER BY e.version DESC) AS old
    FROM public.audit_logs AS e
    WHERE r.updated_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND e.entity_id = r.id
    AND e.version IS NOT NULL
    AND e.created_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND CASE WHEN e.entity_id = $2::UUID THEN e.version > $3::BIGINT
    ELSE e.created_at > $1::TIMESTAMP WITH TIME ZONE
    OR e.xid = ANY (($4::TEXT[])::xid8[]) END
    ) AS later ON true
  LEFT
  JOIN LATERAL (
    SELECT *
    FROM jsonb_populate_record(NULL::public.documents, later.old)
    WHERE later.old IS NOT NULL
    ) AS p ON true
  LEFT
  JOIN LATERAL (
    SELECT e.created_at, e.actor_id
    FROM public.audit_logs AS e
    WHERE e.entity_id = r.id
    AND e.version = later.version
    AND later.version > 1
    LIMIT 1
    ) AS made ON true
  WHERE r.id = ANY ($5::UUID[])
  AND r.organization_id = ANY ((SELECT ctx.organizations())::uuid[])
  AND r.created_at <= $1::TIMESTAMP WITH TIME ZONE
  AND coalesce(later.version, 1) > 0)
SELECT documents.id AS id, documents.organization_id AS organization_id,
    documents.project_id AS project_id, documents.name AS name, documents.slug AS slug,
    documents.description AS description, documents.tags AS tags,
    documents.external_id AS external_id, documents.position AS position,
    documents.version AS version, documents.created_at AS created_at,
    documents.created_by AS created_by, documents.updated_at AS updated_at,
    documents.updated_by AS updated_by, documents.deleted_at AS deleted_at,
    documents.deleted_by AS deleted_by, $6::INTEGER AS past
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
AND (documents.organization_id = ANY ($7::UUID[])
  OR documents.project_id = ANY ($7::UUID[])
  OR documents.id = ANY ($7::UUID[]))
AND documents.id = ANY ($5::UUID[]);

WITH RECURSIVE blocks AS
(
  SELECT r.id AS id,
      CASE WHEN later.old ? 'organization_id' THEN p.organization_id ELSE r.organization_id END AS organization_id,
      CASE WHEN later.old ? 'project_id' THEN p.project_id ELSE r.project_id END AS project_id,
      CASE WHEN later.old ? 'document_id' THEN p.document_id ELSE r.document_id END AS document_id,
      CASE WHEN later.old ? 'parent_id' THEN p.parent_id ELSE r.parent_id END AS parent_id,
      CASE WHEN later.old ? 'type' THEN p.type ELSE r.type END AS type,
      CASE WHEN later.old ? 'name' THEN p.name ELSE r.name END AS name,
      CASE WHEN later.old ? 'position' THEN p.position ELSE r.position END AS position,
      CASE WHEN later.old ? 'content' THEN p.content ELSE r.content END AS content,
      CASE WHEN later.old ? 'external_id' THEN p.external_id ELSE r.external_id END AS external_id,
      coalesce(later.version, r.version) AS version, r.created_at AS created_at,
      r.created_by AS created_by,
      CASE WHEN later.version IS NULL THEN r.updated_at ELSE coalesce(made.created_at,
      r.created_at) END AS updated_at,
      CASE WHEN later.version IS NULL THEN r.updated_by WHEN later.version = 1 THEN r.created_by ELSE made.actor_id END AS updated_by,
      CASE WHEN later.old ? 'deleted_at' THEN p.deleted_at ELSE r.deleted_at END AS deleted_at,
      CASE WHEN later.old ? 'deleted_by' THEN p.deleted_by ELSE r.deleted_by END AS deleted_by
  FROM public.blocks AS r
  LEFT
  JOIN LATERAL (
    SELECT min(e.version) - 1 AS version,
    ctx.overlay(e.old_data
      ORDER BY e.version DESC) AS old
    FROM public.audit_logs AS e
    WHERE r.updated_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND e.entity_id = r.id
    AND e.version IS NOT NULL
    AND e.created_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND CASE WHEN e.entity_id = $2::UUID THEN e.version > $3::BIGINT
    ELSE e.created_at > $1::TIMESTAMP WITH TIME ZONE
    OR e.xid = ANY (($4::TEXT[])::xid8[]) END
    ) AS later ON true
  LEFT
  JOIN LATERAL (
    SELECT *
    FROM jsonb_populate_record(NULL::public.blocks, later.old)
    WHERE later.old IS NOT NULL
    ) AS p ON true
  LEFT
  JOIN LATERAL (
    SELECT e.created_at, e.actor_id
    FROM public.audit_logs AS e
    WHERE e.entity_id = r.id
    AND e.version = later.version
    AND later.version > 1
    LIMIT 1
    ) AS made ON true
  WHERE (r.document_id = ANY ($5::UUID[])
    OR r.id = ANY (ARRAY(SELECT ctx.moved_from_document_id($5::UUID[],
        $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'))))
  AND r.organization_id = ANY ((SELECT ctx.organizations())::uuid[])
  AND r.created_at <= $1::TIMESTAMP WITH TIME ZONE
  AND coalesce(later.version, 1) > 0),
documents AS
(
  SELECT r.id AS id,
      CASE WHEN later.old ? 'organization_id' THEN p.organization_id ELSE r.organization_id END AS organization_id,
      CASE WHEN later.old ? 'project_id' THEN p.project_id ELSE r.project_id END AS project_id,
      CASE WHEN later.old ? 'name' THEN p.name ELSE r.name END AS name,
      CASE WHEN later.old ? 'slug' THEN p.slug ELSE r.slug END AS slug,
      CASE WHEN later.old ? 'description' THEN p.description ELSE r.description END AS description,
      CASE WHEN later.old ? 'tags' THEN p.tags ELSE r.tags END AS tags,
      CASE WHEN later.old ? 'external_id' THEN p.external_id ELSE r.external_id END AS external_id,
      CASE WHEN later.old ? 'position' THEN p.position ELSE r.position END AS position,
      coalesce(later.version, r.version) AS version, r.created_at AS created_at,
      r.created_by AS created_by,
      CASE WHEN later.version IS NULL THEN r.updated_at ELSE coalesce(made.created_at,
      r.created_at) END AS updated_at,
      CASE WHEN later.version IS NULL THEN r.updated_by WHEN later.version = 1 THEN r.created_by ELSE made.actor_id END AS updated_by,
      CASE WHEN later.old ? 'deleted_at' THEN p.deleted_at ELSE r.deleted_at END AS deleted_at,
      CASE WHEN later.old ? 'deleted_by' THEN p.deleted_by ELSE r.deleted_by END AS deleted_by
  FROM public.documents AS r
  LEFT
  JOIN LATERAL (
    SELECT min(e.version) - 1 AS version,
    ctx.overlay(e.old_data
      ORDER BY e.version DESC) AS old
    FROM public.audit_logs AS e
    WHERE r.updated_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND e.entity_id = r.id
    AND e.version IS NOT NULL
    AND e.created_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND CASE WHEN e.entity_id = $2::UUID THEN e.version > $3::BIGINT
    ELSE e.created_at > $1::TIMESTAMP WITH TIME ZONE
    OR e.xid = ANY (($4::TEXT[])::xid8[]) END
    ) AS later ON true
  LEFT
  JOIN LATERAL (
    SELECT *
    FROM jsonb_populate_record(NULL::public.documents, later.old)
    WHERE later.old IS NOT NULL
    ) AS p ON true
  LEFT
  JOIN LATERAL (
    SELECT e.created_at, e.actor_id
    FROM public.audit_logs AS e
    WHERE e.entity_id = r.id
    AND e.version = later.version
    AND later.version > 1
    LIMIT 1
    ) AS made ON true
  WHERE r.id = ANY (ARRAY(SELECT DISTINCT document_id
      FROM blocks))
  AND r.organization_id = ANY ((SELECT ctx.organizations())::uuid[])
  AND r.created_at <= $1::TIMESTAMP WITH TIME ZONE
  AND coalesce(later.version, 1) > 0),
gone(id) AS
(SELECT blocks_1.id AS id
  FROM blocks AS blocks_1
  WHERE blocks_1.deleted_at IS NOT NULL
  UNION
  SELECT blocks_2.id AS id
  FROM blocks AS blocks_2, gone
  WHERE blocks_2.parent_id = gone.id)
SELECT anon_1.id, anon_1.organization_id, anon_1.project_id, anon_1.document_id, anon_1.parent_id,
    anon_1.type, anon_1.name, anon_1.position, anon_1.content, anon_1.external_id, anon_1.version,
    anon_1.created_at, anon_1.created_by, anon_1.updated_at, anon_1.updated_by, anon_1.deleted_at,
    anon_1.deleted_by, $6::INTEGER AS past
FROM (SELECT blocks.id AS id, blocks.organization_id AS organization_id,
    blocks.project_id AS project_id, blocks.document_id AS document_id,
    blocks.parent_id AS parent_id, blocks.type AS type, blocks.name AS name,
    blocks.position AS position, blocks.content AS content, blocks.external_id AS external_id,
    blocks.version AS version, blocks.created_at AS created_at, blocks.created_by AS created_by,
    blocks.updated_at AS updated_at, blocks.updated_by AS updated_by,
    blocks.deleted_at AS deleted_at, blocks.deleted_by AS deleted_by,
    row_number() OVER (PARTITION BY blocks.document_id
    ORDER BY blocks.position ASC, blocks.id ASC) AS number
  FROM blocks
  WHERE blocks.deleted_at IS NULL
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
  AND (blocks.organization_id = ANY ($7::UUID[])
    OR blocks.project_id = ANY ($7::UUID[])
    OR blocks.document_id = ANY ($7::UUID[]))
  AND blocks.document_id = ANY ($5::UUID[])) AS anon_1
WHERE anon_1.number <= $8::INTEGER
ORDER BY anon_1.number;

WITH RECURSIVE requirements AS
(
  SELECT r.id AS id,
      CASE WHEN later.old ? 'organization_id' THEN p.organization_id ELSE r.organization_id END AS organization_id,
      CASE WHEN later.old ? 'project_id' THEN p.project_id ELSE r.project_id END AS project_id,
      CASE WHEN later.old ? 'document_id' THEN p.document_id ELSE r.document_id END AS document_id,
      CASE WHEN later.old ? 'block_id' THEN p.block_id ELSE r.block_id END AS block_id,
      CASE WHEN later.old ? 'external_id' THEN p.external_id ELSE r.external_id END AS external_id,
      CASE WHEN later.old ? 'name' THEN p.name ELSE r.name END AS name,
      CASE WHEN later.old ? 'description' THEN p.description ELSE r.description END AS description,
      CASE WHEN later.old ? 'status' THEN p.status ELSE r.status END AS status,
      CASE WHEN later.old ? 'format' THEN p.format ELSE r.format END AS format,
      CASE WHEN later.old ? 'priority' THEN p.priority ELSE r.priority END AS priority,
      CASE WHEN later.old ? 'level' THEN p.level ELSE r.level END AS level,
      CASE WHEN later.old ? 'position' THEN p.position ELSE r.position END AS position,
      CASE WHEN later.old ? 'tags' THEN p.tags ELSE r.tags END AS tags,
      CASE WHEN later.old ? 'original_requirement' THEN p.original_requirement ELSE r.original_requirement END AS original_requirement,
      CASE WHEN later.old ? 'enhanced_requirement' THEN p.enhanced_requirement ELSE r.enhanced_requirement END AS enhanced_requirement,
      CASE WHEN later.old ? 'ai_analysis' THEN p.ai_analysis ELSE r.ai_analysis END AS ai_analysis,
      CASE WHEN later.old ? 'properties' THEN p.properties ELSE r.properties END AS properties,
      coalesce(later.version, r.version) AS version, r.created_at AS created_at,
      r.created_by AS created_by,
      CASE WHEN later.version IS NULL THEN r.updated_at ELSE coalesce(made.created_at,
      r.created_at) END AS updated_at,
      CASE WHEN later.version IS NULL THEN r.updated_by WHEN later.version = 1 THEN r.created_by ELSE made.actor_id END AS updated_by,
      CASE WHEN later.old ? 'deleted_at' THEN p.deleted_at ELSE r.deleted_at END AS deleted_at,
      CASE WHEN later.old ? 'deleted_by' THEN p.deleted_by ELSE r.deleted_by END AS deleted_by
  FROM public.requirements AS r
  LEFT
  JOIN LATERAL (
    SELECT min(e.version) - 1 AS version,
    ctx.overlay(e.old_data
      ORDER BY e.version DESC) AS old
    FROM public.audit_logs AS e
    WHERE r.updated_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND e.entity_id = r.id
    AND e.version IS NOT NULL
    AND e.created_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND CASE WHEN e.entity_id = $2::UUID THEN e.version > $3::BIGINT
    ELSE e.created_at > $1::TIMESTAMP WITH TIME ZONE
    OR e.xid = ANY (($4::TEXT[])::xid8[]) END
    ) AS later ON true
  LEFT
  JOIN LATERAL (
    SELECT *
    FROM jsonb_populate_record(NULL::public.requirements, later.old)
    WHERE later.old IS NOT NULL
    ) AS p ON true
  LEFT
  JOIN LATERAL (
    SELECT e.created_at, e.actor_id
    FROM public.audit_logs AS e
    WHERE e.entity_id = r.id
    AND e.version = later.version
    AND later.version > 1
    LIMIT 1
    ) AS made ON true
  WHERE (r.block_id = ANY ($5::UUID[])
    OR r.id = ANY (ARRAY(SELECT ctx.moved_from_block_id($5::UUID[],
        $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'))))
  AND r.organization_id = ANY ((SELECT ctx.organizations())::uuid[])
  AND r.created_at <= $1::TIMESTAMP WITH TIME ZONE
  AND coalesce(later.version, 1) > 0),
documents AS
(
  SELECT r.id AS id,
      CASE WHEN later.old ? 'organization_id' THEN p.organization_id ELSE r.organization_id END AS organization_id,
      CASE WHEN later.old ? 'project_id' THEN p.project_id ELSE r.project_id END AS project_id,
      CASE WHEN later.old ? 'name' THEN p.name ELSE r.name END AS name,
      CASE WHEN later.old ? 'slug' THEN p.slug ELSE r.slug END AS slug,
      CASE WHEN later.old ? 'description' THEN p.description ELSE r.description END AS description,
      CASE WHEN later.old ? 'tags' THEN p.tags ELSE r.tags END AS tags,
      CASE WHEN later.old ? 'external_id' THEN p.external_id ELSE r.external_id END AS external_id,
      CASE WHEN later.old ? 'position' THEN p.position ELSE r.position END AS position,
      coalesce(later.version, r.version) AS version, r.created_at AS created_at,
      r.created_by AS created_by,
      CASE WHEN later.version IS NULL THEN r.updated_at ELSE coalesce(made.created_at,
      r.created_at) END AS updated_at,
      CASE WHEN later.version IS NULL THEN r.updated_by WHEN later.version = 1 THEN r.created_by ELSE made.actor_id END AS updated_by,
      CASE WHEN later.old ? 'deleted_at' THEN p.deleted_at ELSE r.deleted_at END AS deleted_at,
      CASE WHEN later.old ? 'deleted_by' THEN p.deleted_by ELSE r.deleted_by END AS deleted_by
  FROM public.documents AS r
  LEFT
  JOIN LATERAL (
    SELECT min(e.version) - 1 AS version,
    ctx.overlay(e.old_data
      ORDER BY e.version DESC) AS old
    FROM public.audit_logs AS e
    WHERE r.updated_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND e.entity_id = r.id
    AND e.version IS NOT NULL
    AND e.created_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND CASE WHEN e.entity_id = $2::UUID THEN e.version > $3::BIGINT
    ELSE e.created_at > $1::TIMESTAMP WITH TIME ZONE
    OR e.xid = ANY (($4::TEXT[])::xid8[]) END
    ) AS later ON true
  LEFT
  JOIN LATERAL (
    SELECT *
    FROM jsonb_populate_record(NULL::public.documents, later.old)
    WHERE later.old IS NOT NULL
    ) AS p ON true
  LEFT
  JOIN LATERAL (
    SELECT e.created_at, e.actor_id
    FROM public.audit_logs AS e
    WHERE e.entity_id = r.id
    AND e.version = later.version
    AND later.version > 1
    LIMIT 1
    ) AS made ON true
  WHERE r.id = ANY (ARRAY(SELECT DISTINCT document_id
      FROM requirements))
  AND r.organization_id = ANY ((SELECT ctx.organizations())::uuid[])
  AND r.created_at <= $1::TIMESTAMP WITH TIME ZONE
  AND coalesce(later.version, 1) > 0),
blocks AS
(
  SELECT r.id AS id,
      CASE WHEN later.old ? 'organization_id' THEN p.organization_id ELSE r.organization_id END AS organization_id,
      CASE WHEN later.old ? 'project_id' THEN p.project_id ELSE r.project_id END AS project_id,
      CASE WHEN later.old ? 'document_id' THEN p.document_id ELSE r.document_id END AS document_id,
      CASE WHEN later.old ? 'parent_id' THEN p.parent_id ELSE r.parent_id END AS parent_id,
      CASE WHEN later.old ? 'type' THEN p.type ELSE r.type END AS type,
      CASE WHEN later.old ? 'name' THEN p.name ELSE r.name END AS name,
      CASE WHEN later.old ? 'position' THEN p.position ELSE r.position END AS position,
      CASE WHEN later.old ? 'content' THEN p.content ELSE r.content END AS content,
      CASE WHEN later.old ? 'external_id' THEN p.external_id ELSE r.external_id END AS external_id,
      coalesce(later.version, r.version) AS version, r.created_at AS created_at,
      r.created_by AS created_by,
      CASE WHEN later.version IS NULL THEN r.updated_at ELSE coalesce(made.created_at,
      r.created_at) END AS updated_at,
      CASE WHEN later.version IS NULL THEN r.updated_by WHEN later.version = 1 THEN r.created_by ELSE made.actor_id END AS updated_by,
      CASE WHEN later.old ? 'deleted_at' THEN p.deleted_at ELSE r.deleted_at END AS deleted_at,
      CASE WHEN later.old ? 'deleted_by' THEN p.deleted_by ELSE r.deleted_by END AS deleted_by
  FROM public.blocks AS r
  LEFT
  JOIN LATERAL (
    SELECT min(e.version) - 1 AS version,
    ctx.overlay(e.old_data
      ORDER BY e.version DESC) AS old
    FROM public.audit_logs AS e
    WHERE r.updated_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND e.entity_id = r.id
    AND e.version IS NOT NULL
    AND e.created_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND CASE WHEN e.entity_id = $2::UUID THEN e.version > $3::BIGINT
    ELSE e.created_at > $1::TIMESTAMP WITH TIME ZONE
    OR e.xid = ANY (($4::TEXT[])::xid8[]) END
    ) AS later ON true
  LEFT
  JOIN LATERAL (
    SELECT *
    FROM jsonb_populate_record(NULL::public.blocks, later.old)
    WHERE later.old IS NOT NULL
    ) AS p ON true
  LEFT
  JOIN LATERAL (
    SELECT e.created_at, e.actor_id
    FROM public.audit_logs AS e
    WHERE e.entity_id = r.id
    AND e.version = later.version
    AND later.version > 1
    LIMIT 1
    ) AS made ON true
  WHERE (r.document_id = ANY (ARRAY(SELECT DISTINCT document_id
        FROM requirements))
    OR r.id = ANY (ARRAY(SELECT ctx.moved_from_document_id(ARRAY(SELECT DISTINCT document_id
            FROM requirements), $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'))))
  AND r.organization_id = ANY ((SELECT ctx.organizations())::uuid[])
  AND r.created_at <= $1::TIMESTAMP WITH TIME ZONE
  AND coalesce(later.version, 1) > 0),
gone(id) AS
(SELECT blocks_1.id AS id
  FROM blocks AS blocks_1
  WHERE blocks_1.deleted_at IS NOT NULL
  UNION
  SELECT blocks_2.id AS id
  FROM blocks AS blocks_2, gone
  WHERE blocks_2.parent_id = gone.id)
SELECT anon_1.id, anon_1.organization_id, anon_1.project_id, anon_1.document_id, anon_1.block_id,
    anon_1.external_id, anon_1.name, anon_1.description, anon_1.status, anon_1.format,
    anon_1.priority, anon_1.level, anon_1.position, anon_1.tags, anon_1.original_requirement,
    anon_1.enhanced_requirement, anon_1.ai_analysis, anon_1.properties, anon_1.version,
    anon_1.created_at, anon_1.created_by, anon_1.updated_at, anon_1.updated_by, anon_1.deleted_at,
    anon_1.deleted_by, $6::INTEGER AS past
FROM (SELECT requirements.id AS id, requirements.organization_id AS organization_id,
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
    requirements.deleted_by AS deleted_by, row_number() OVER (PARTITION BY requirements.block_id
    ORDER BY requirements.position ASC, requirements.id ASC) AS number
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
  AND (requirements.organization_id = ANY ($7::UUID[])
    OR requirements.project_id = ANY ($7::UUID[])
    OR requirements.document_id = ANY ($7::UUID[]))
  AND requirements.block_id = ANY ($5::UUID[])) AS anon_1
WHERE anon_1.number <= $8::INTEGER
ORDER BY anon_1.number;

WITH RECURSIVE requirements AS
(
  SELECT r.id AS id,
      CASE WHEN later.old ? 'organization_id' THEN p.organization_id ELSE r.organization_id END AS organization_id,
      CASE WHEN later.old ? 'project_id' THEN p.project_id ELSE r.project_id END AS project_id,
      CASE WHEN later.old ? 'document_id' THEN p.document_id ELSE r.document_id END AS document_id,
      CASE WHEN later.old ? 'block_id' THEN p.block_id ELSE r.block_id END AS block_id,
      CASE WHEN later.old ? 'external_id' THEN p.external_id ELSE r.external_id END AS external_id,
      CASE WHEN later.old ? 'name' THEN p.name ELSE r.name END AS name,
      CASE WHEN later.old ? 'description' THEN p.description ELSE r.description END AS description,
      CASE WHEN later.old ? 'status' THEN p.status ELSE r.status END AS status,
      CASE WHEN later.old ? 'format' THEN p.format ELSE r.format END AS format,
      CASE WHEN later.old ? 'priority' THEN p.priority ELSE r.priority END AS priority,
      CASE WHEN later.old ? 'level' THEN p.level ELSE r.level END AS level,
      CASE WHEN later.old ? 'position' THEN p.position ELSE r.position END AS position,
      CASE WHEN later.old ? 'tags' THEN p.tags ELSE r.tags END AS tags,
      CASE WHEN later.old ? 'original_requirement' THEN p.original_requirement ELSE r.original_requirement END AS original_requirement,
      CASE WHEN later.old ? 'enhanced_requirement' THEN p.enhanced_requirement ELSE r.enhanced_requirement END AS enhanced_requirement,
      CASE WHEN later.old ? 'ai_analysis' THEN p.ai_analysis ELSE r.ai_analysis END AS ai_analysis,
      CASE WHEN later.old ? 'properties' THEN p.properties ELSE r.properties END AS properties,
      coalesce(later.version, r.version) AS version, r.created_at AS created_at,
      r.created_by AS created_by,
      CASE WHEN later.version IS NULL THEN r.updated_at ELSE coalesce(made.created_at,
      r.created_at) END AS updated_at,
      CASE WHEN later.version IS NULL THEN r.updated_by WHEN later.version = 1 THEN r.created_by ELSE made.actor_id END AS updated_by,
      CASE WHEN later.old ? 'deleted_at' THEN p.deleted_at ELSE r.deleted_at END AS deleted_at,
      CASE WHEN later.old ? 'deleted_by' THEN p.deleted_by ELSE r.deleted_by END AS deleted_by
  FROM public.requirements AS r
  LEFT
  JOIN LATERAL (
    SELECT min(e.version) - 1 AS version,
    ctx.overlay(e.old_data
      ORDER BY e.version DESC) AS old
    FROM public.audit_logs AS e
    WHERE r.updated_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND e.entity_id = r.id
    AND e.version IS NOT NULL
    AND e.created_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND CASE WHEN e.entity_id = $2::UUID THEN e.version > $3::BIGINT
    ELSE e.created_at > $1::TIMESTAMP WITH TIME ZONE
    OR e.xid = ANY (($4::TEXT[])::xid8[]) END
    ) AS later ON true
  LEFT
  JOIN LATERAL (
    SELECT *
    FROM jsonb_populate_record(NULL::public.requirements, later.old)
    WHERE later.old IS NOT NULL
    ) AS p ON true
  LEFT
  JOIN LATERAL (
    SELECT e.created_at, e.actor_id
    FROM public.audit_logs AS e
    WHERE e.entity_id = r.id
    AND e.version = later.version
    AND later.version > 1
    LIMIT 1
    ) AS made ON true
  WHERE (r.block_id = ANY ($5::UUID[])
    OR r.id = ANY (ARRAY(SELECT ctx.moved_from_block_id($5::UUID[],
        $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'))))
  AND r.organization_id = ANY ((SELECT ctx.organizations())::uuid[])
  AND r.created_at <= $1::TIMESTAMP WITH TIME ZONE
  AND coalesce(later.version, 1) > 0),
documents AS
(
  SELECT r.id AS id,
      CASE WHEN later.old ? 'organization_id' THEN p.organization_id ELSE r.organization_id END AS organization_id,
      CASE WHEN later.old ? 'project_id' THEN p.project_id ELSE r.project_id END AS project_id,
      CASE WHEN later.old ? 'name' THEN p.name ELSE r.name END AS name,
      CASE WHEN later.old ? 'slug' THEN p.slug ELSE r.slug END AS slug,
      CASE WHEN later.old ? 'description' THEN p.description ELSE r.description END AS description,
      CASE WHEN later.old ? 'tags' THEN p.tags ELSE r.tags END AS tags,
      CASE WHEN later.old ? 'external_id' THEN p.external_id ELSE r.external_id END AS external_id,
      CASE WHEN later.old ? 'position' THEN p.position ELSE r.position END AS position,
      coalesce(later.version, r.version) AS version, r.created_at AS created_at,
      r.created_by AS created_by,
      CASE WHEN later.version IS NULL THEN r.updated_at ELSE coalesce(made.created_at,
      r.created_at) END AS updated_at,
      CASE WHEN later.version IS NULL THEN r.updated_by WHEN later.version = 1 THEN r.created_by ELSE made.actor_id END AS updated_by,
      CASE WHEN later.old ? 'deleted_at' THEN p.deleted_at ELSE r.deleted_at END AS deleted_at,
      CASE WHEN later.old ? 'deleted_by' THEN p.deleted_by ELSE r.deleted_by END AS deleted_by
  FROM public.documents AS r
  LEFT
  JOIN LATERAL (
    SELECT min(e.version) - 1 AS version,
    ctx.overlay(e.old_data
      ORDER BY e.version DESC) AS old
    FROM public.audit_logs AS e
    WHERE r.updated_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND e.entity_id = r.id
    AND e.version IS NOT NULL
    AND e.created_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND CASE WHEN e.entity_id = $2::UUID THEN e.version > $3::BIGINT
    ELSE e.created_at > $1::TIMESTAMP WITH TIME ZONE
    OR e.xid = ANY (($4::TEXT[])::xid8[]) END
    ) AS later ON true
  LEFT
  JOIN LATERAL (
    SELECT *
    FROM jsonb_populate_record(NULL::public.documents, later.old)
    WHERE later.old IS NOT NULL
    ) AS p ON true
  LEFT
  JOIN LATERAL (
    SELECT e.created_at, e.actor_id
    FROM public.audit_logs AS e
    WHERE e.entity_id = r.id
    AND e.version = later.version
    AND later.version > 1
    LIMIT 1
    ) AS made ON true
  WHERE r.id = ANY (ARRAY(SELECT DISTINCT document_id
      FROM requirements))
  AND r.organization_id = ANY ((SELECT ctx.organizations())::uuid[])
  AND r.created_at <= $1::TIMESTAMP WITH TIME ZONE
  AND coalesce(later.version, 1) > 0),
blocks AS
(
  SELECT r.id AS id,
      CASE WHEN later.old ? 'organization_id' THEN p.organization_id ELSE r.organization_id END AS organization_id,
      CASE WHEN later.old ? 'project_id' THEN p.project_id ELSE r.project_id END AS project_id,
      CASE WHEN later.old ? 'document_id' THEN p.document_id ELSE r.document_id END AS document_id,
      CASE WHEN later.old ? 'parent_id' THEN p.parent_id ELSE r.parent_id END AS parent_id,
      CASE WHEN later.old ? 'type' THEN p.type ELSE r.type END AS type,
      CASE WHEN later.old ? 'name' THEN p.name ELSE r.name END AS name,
      CASE WHEN later.old ? 'position' THEN p.position ELSE r.position END AS position,
      CASE WHEN later.old ? 'content' THEN p.content ELSE r.content END AS content,
      CASE WHEN later.old ? 'external_id' THEN p.external_id ELSE r.external_id END AS external_id,
      coalesce(later.version, r.version) AS version, r.created_at AS created_at,
      r.created_by AS created_by,
      CASE WHEN later.version IS NULL THEN r.updated_at ELSE coalesce(made.created_at,
      r.created_at) END AS updated_at,
      CASE WHEN later.version IS NULL THEN r.updated_by WHEN later.version = 1 THEN r.created_by ELSE made.actor_id END AS updated_by,
      CASE WHEN later.old ? 'deleted_at' THEN p.deleted_at ELSE r.deleted_at END AS deleted_at,
      CASE WHEN later.old ? 'deleted_by' THEN p.deleted_by ELSE r.deleted_by END AS deleted_by
  FROM public.blocks AS r
  LEFT
  JOIN LATERAL (
    SELECT min(e.version) - 1 AS version,
    ctx.overlay(e.old_data
      ORDER BY e.version DESC) AS old
    FROM public.audit_logs AS e
    WHERE r.updated_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND e.entity_id = r.id
    AND e.version IS NOT NULL
    AND e.created_at > $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'
    AND CASE WHEN e.entity_id = $2::UUID THEN e.version > $3::BIGINT
    ELSE e.created_at > $1::TIMESTAMP WITH TIME ZONE
    OR e.xid = ANY (($4::TEXT[])::xid8[]) END
    ) AS later ON true
  LEFT
  JOIN LATERAL (
    SELECT *
    FROM jsonb_populate_record(NULL::public.blocks, later.old)
    WHERE later.old IS NOT NULL
    ) AS p ON true
  LEFT
  JOIN LATERAL (
    SELECT e.created_at, e.actor_id
    FROM public.audit_logs AS e
    WHERE e.entity_id = r.id
    AND e.version = later.version
    AND later.version > 1
    LIMIT 1
    ) AS made ON true
  WHERE (r.document_id = ANY (ARRAY(SELECT DISTINCT document_id
        FROM requirements))
    OR r.id = ANY (ARRAY(SELECT ctx.moved_from_document_id(ARRAY(SELECT DISTINCT document_id
            FROM requirements), $1::TIMESTAMP WITH TIME ZONE - interval '2 minutes'))))
  AND r.organization_id = ANY ((SELECT ctx.organizations())::uuid[])
  AND r.created_at <= $1::TIMESTAMP WITH TIME ZONE
  AND coalesce(later.version, 1) > 0),
gone(id) AS
(SELECT blocks_1.id AS id
  FROM blocks AS blocks_1
  WHERE blocks_1.deleted_at IS NOT NULL
  UNION
  SELECT blocks_2.id AS id
  FROM blocks AS blocks_2, gone
  WHERE blocks_2.parent_id = gone.id)
SELECT requirements.block_id AS parent, count(*) AS count, $6::INTEGER AS past
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
AND (requirements.organization_id = ANY ($7::UUID[])
  OR requirements.project_id = ANY ($7::UUID[])
  OR requirements.document_id = ANY ($7::UUID[]))
AND requirements.block_id = ANY ($5::UUID[])
GROUP BY requirements.block_id;
