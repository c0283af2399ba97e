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
      CASE WHEN later.old ? 'is_template' THEN p.is_template ELSE r.is_template END AS is_template,
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
SELECT documents.(...), $6::INTEGER AS past
FROM documents
WHERE documents.deleted_at IS NULL
AND (documents.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
          FROM organizations
          WHERE organizations.deleted_at IS NOT NULL
          AND organizations.id = ANY ($7::UUID[])))) AS unnest_1))
AND (documents.project_id NOT IN (SELECT unnest(array((SELECT projects.id
          FROM projects
          WHERE projects.deleted_at IS NOT NULL
          AND projects.organization_id = ANY ($7::UUID[])))) AS unnest_2))
AND (documents.organization_id = ANY ($8::UUID[])
  OR documents.project_id = ANY ($8::UUID[])
  OR documents.id = ANY ($8::UUID[])
  OR $9::INTEGER > $10::INTEGER
  AND documents.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
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
      CASE WHEN later.old ? 'is_template' THEN p.is_template ELSE r.is_template END AS is_template,
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
gone_blocks_in(id) AS
(SELECT blocks.id AS id
  FROM blocks
  WHERE blocks.deleted_at IS NOT NULL
  AND blocks.document_id = ANY ($5::UUID[])
  UNION
  SELECT below.id AS id
  FROM gone_blocks_in
  JOIN LATERAL (SELECT blocks_1.id AS id
    FROM blocks AS blocks_1
    WHERE blocks_1.parent_id = gone_blocks_in.id
    LIMIT ALL OFFSET 0) AS below ON true)
SELECT anon_1.(...), $6::INTEGER AS past
FROM (SELECT blocks.(...), row_number() OVER (PARTITION BY blocks.document_id
    ORDER BY blocks.position ASC, blocks.id ASC) AS number
  FROM blocks
  WHERE blocks.deleted_at IS NULL
  AND (blocks.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
            FROM organizations
            WHERE organizations.deleted_at IS NOT NULL
            AND organizations.id = ANY ($7::UUID[])))) AS unnest_1))
  AND (blocks.project_id NOT IN (SELECT unnest(array((SELECT projects.id
            FROM projects
            WHERE projects.deleted_at IS NOT NULL
            AND projects.organization_id = ANY ($7::UUID[])))) AS unnest_2))
  AND (blocks.document_id NOT IN (SELECT unnest(array((SELECT documents.id
            FROM documents
            WHERE documents.deleted_at IS NOT NULL
            AND documents.organization_id = ANY ($7::UUID[])))) AS unnest_3))
  AND ((blocks.parent_id NOT IN (SELECT unnest(array((SELECT gone_blocks_in.id
              FROM gone_blocks_in))) AS unnest_4))) IS NOT false
  AND (blocks.organization_id = ANY ($8::UUID[])
    OR blocks.project_id = ANY ($8::UUID[])
    OR blocks.document_id = ANY ($8::UUID[])
    OR $9::INTEGER > $10::INTEGER
    AND blocks.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
  AND blocks.document_id = ANY ($5::UUID[])) AS anon_1
WHERE anon_1.number <= $11::INTEGER
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
      '{}'::jsonb AS ai_analysis,
      CASE WHEN later.old ? 'enhancement' THEN p.enhancement ELSE r.enhancement END AS enhancement,
      CASE WHEN later.old ? 'properties' THEN p.properties ELSE r.properties END AS properties,
      coalesce(later.version, r.version) AS version, r.created_at AS created_at,
      r.created_by AS created_by,
      CASE WHEN later.version IS NULL THEN r.updated_at ELSE coalesce(made.created_at,
      r.created_at) END AS updated_at,
      CASE WHEN later.version IS NULL THEN r.updated_by WHEN later.version = 1 THEN r.created_by ELSE made.actor_id END AS updated_by,
      CASE WHEN later.old ? 'deleted_at' THEN p.deleted_at ELSE r.deleted_at END AS deleted_at,
      CASE WHEN later.old ? 'deleted_by' THEN p.deleted_by ELSE r.deleted_by END AS deleted_by,
      CASE WHEN later.old ? 'name' THEN ctx.sort_key(p.name) ELSE r.name_order END AS name_order,
      CASE WHEN later.old ? 'external_id' THEN ctx.sort_key(p.external_id) ELSE r.external_id_order END AS external_id_order
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
      CASE WHEN later.old ? 'is_template' THEN p.is_template ELSE r.is_template END AS is_template,
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
gone_blocks_by_blocks_id(id) AS
(SELECT blocks.id AS id
  FROM blocks
  WHERE blocks.deleted_at IS NOT NULL
  AND blocks.document_id = ANY (array((SELECT blocks.document_id
        FROM blocks
        WHERE blocks.id = ANY ($5::UUID[]))))
  UNION
  SELECT below.id AS id
  FROM gone_blocks_by_blocks_id
  JOIN LATERAL (SELECT blocks_1.id AS id
    FROM blocks AS blocks_1
    WHERE blocks_1.parent_id = gone_blocks_by_blocks_id.id
    LIMIT ALL OFFSET 0) AS below ON true)
SELECT anon_1.(...), $6::INTEGER AS past
FROM (SELECT requirements.(...), row_number() OVER (PARTITION BY requirements.block_id
    ORDER BY requirements.position ASC, requirements.id ASC) AS number
  FROM requirements
  WHERE requirements.deleted_at IS NULL
  AND (requirements.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
            FROM organizations
            WHERE organizations.deleted_at IS NOT NULL
            AND organizations.id = ANY ($7::UUID[])))) AS unnest_1))
  AND (requirements.project_id NOT IN (SELECT unnest(array((SELECT projects.id
            FROM projects
            WHERE projects.deleted_at IS NOT NULL
            AND projects.organization_id = ANY ($7::UUID[])))) AS unnest_2))
  AND (requirements.document_id NOT IN (SELECT unnest(array((SELECT documents.id
            FROM documents
            WHERE documents.deleted_at IS NOT NULL
            AND documents.organization_id = ANY ($7::UUID[])))) AS unnest_3))
  AND ((requirements.block_id NOT IN (SELECT unnest(array((SELECT gone_blocks_by_blocks_id.id
              FROM gone_blocks_by_blocks_id))) AS unnest_4))) IS NOT false
  AND (requirements.organization_id = ANY ($8::UUID[])
    OR requirements.project_id = ANY ($8::UUID[])
    OR requirements.document_id = ANY ($8::UUID[])
    OR $9::INTEGER > $10::INTEGER
    AND requirements.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
  AND requirements.block_id = ANY ($5::UUID[])) AS anon_1
WHERE anon_1.number <= $11::INTEGER
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
      '{}'::jsonb AS ai_analysis,
      CASE WHEN later.old ? 'enhancement' THEN p.enhancement ELSE r.enhancement END AS enhancement,
      CASE WHEN later.old ? 'properties' THEN p.properties ELSE r.properties END AS properties,
      coalesce(later.version, r.version) AS version, r.created_at AS created_at,
      r.created_by AS created_by,
      CASE WHEN later.version IS NULL THEN r.updated_at ELSE coalesce(made.created_at,
      r.created_at) END AS updated_at,
      CASE WHEN later.version IS NULL THEN r.updated_by WHEN later.version = 1 THEN r.created_by ELSE made.actor_id END AS updated_by,
      CASE WHEN later.old ? 'deleted_at' THEN p.deleted_at ELSE r.deleted_at END AS deleted_at,
      CASE WHEN later.old ? 'deleted_by' THEN p.deleted_by ELSE r.deleted_by END AS deleted_by,
      CASE WHEN later.old ? 'name' THEN ctx.sort_key(p.name) ELSE r.name_order END AS name_order,
      CASE WHEN later.old ? 'external_id' THEN ctx.sort_key(p.external_id) ELSE r.external_id_order END AS external_id_order
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
      CASE WHEN later.old ? 'is_template' THEN p.is_template ELSE r.is_template END AS is_template,
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
gone_blocks_by_blocks_id(id) AS
(SELECT blocks.id AS id
  FROM blocks
  WHERE blocks.deleted_at IS NOT NULL
  AND blocks.document_id = ANY (array((SELECT blocks.document_id
        FROM blocks
        WHERE blocks.id = ANY ($5::UUID[]))))
  UNION
  SELECT below.id AS id
  FROM gone_blocks_by_blocks_id
  JOIN LATERAL (SELECT blocks_1.id AS id
    FROM blocks AS blocks_1
    WHERE blocks_1.parent_id = gone_blocks_by_blocks_id.id
    LIMIT ALL OFFSET 0) AS below ON true)
SELECT requirements.block_id AS parent, count(*) AS count, $6::INTEGER AS past
FROM requirements
WHERE requirements.deleted_at IS NULL
AND (requirements.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
          FROM organizations
          WHERE organizations.deleted_at IS NOT NULL
          AND organizations.id = ANY ($7::UUID[])))) AS unnest_1))
AND (requirements.project_id NOT IN (SELECT unnest(array((SELECT projects.id
          FROM projects
          WHERE projects.deleted_at IS NOT NULL
          AND projects.organization_id = ANY ($7::UUID[])))) AS unnest_2))
AND (requirements.document_id NOT IN (SELECT unnest(array((SELECT documents.id
          FROM documents
          WHERE documents.deleted_at IS NOT NULL
          AND documents.organization_id = ANY ($7::UUID[])))) AS unnest_3))
AND ((requirements.block_id NOT IN (SELECT unnest(array((SELECT gone_blocks_by_blocks_id.id
            FROM gone_blocks_by_blocks_id))) AS unnest_4))) IS NOT false
AND (requirements.organization_id = ANY ($8::UUID[])
  OR requirements.project_id = ANY ($8::UUID[])
  OR requirements.document_id = ANY ($8::UUID[])
  OR $9::INTEGER > $10::INTEGER
  AND requirements.project_id = ANY (CAST((SELECT ctx.projects() AS projects_1) AS UUID[])))
AND requirements.block_id = ANY ($5::UUID[])
GROUP BY requirements.block_id;
