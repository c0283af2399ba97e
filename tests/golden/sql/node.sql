SELECT anon_1.id, anon_1.place
FROM (SELECT organizations.id AS id, $1::INTEGER AS place
  FROM organizations
  WHERE organizations.id = ANY ($2::UUID[])
  UNION ALL
  SELECT projects.id AS id, $3::INTEGER AS place
  FROM projects
  WHERE projects.id = ANY ($2::UUID[])
  UNION ALL
  SELECT profiles.id AS id, $4::INTEGER AS place
  FROM profiles
  WHERE profiles.id = ANY ($2::UUID[])
  UNION ALL
  SELECT organization_members.id AS id, $5::INTEGER AS place
  FROM organization_members
  WHERE organization_members.id = ANY ($2::UUID[])
  UNION ALL
  SELECT organization_invitations.id AS id, $6::INTEGER AS place
  FROM organization_invitations
  WHERE organization_invitations.id = ANY ($2::UUID[])
  UNION ALL
  SELECT organization_clients.id AS id, $7::INTEGER AS place
  FROM organization_clients
  WHERE organization_clients.id = ANY ($2::UUID[])
  UNION ALL
  SELECT organization_domains.id AS id, $8::INTEGER AS place
  FROM organization_domains
  WHERE organization_domains.id = ANY ($2::UUID[])
  UNION ALL
  SELECT identity_providers.id AS id, $9::INTEGER AS place
  FROM identity_providers
  WHERE identity_providers.id = ANY ($2::UUID[])
  UNION ALL
  SELECT project_members.id AS id, $10::INTEGER AS place
  FROM project_members
  WHERE project_members.id = ANY ($2::UUID[])
  UNION ALL
  SELECT user_roles.id AS id, $11::INTEGER AS place
  FROM user_roles
  WHERE user_roles.id = ANY ($2::UUID[])
  UNION ALL
  SELECT access_reviews.id AS id, $12::INTEGER AS place
  FROM access_reviews
  WHERE access_reviews.id = ANY ($2::UUID[])
  UNION ALL
  SELECT access_review_items.id AS id, $13::INTEGER AS place
  FROM access_review_items
  WHERE access_review_items.id = ANY ($2::UUID[])
  UNION ALL
  SELECT provisioned_groups.id AS id, $14::INTEGER AS place
  FROM provisioned_groups
  WHERE provisioned_groups.id = ANY ($2::UUID[])
  UNION ALL
  SELECT provisioned_group_members.id AS id, $15::INTEGER AS place
  FROM provisioned_group_members
  WHERE provisioned_group_members.id = ANY ($2::UUID[])
  UNION ALL
  SELECT api_keys.id AS id, $16::INTEGER AS place
  FROM api_keys
  WHERE api_keys.id = ANY ($2::UUID[])
  UNION ALL
  SELECT personal_tokens.id AS id, $17::INTEGER AS place
  FROM personal_tokens
  WHERE personal_tokens.id = ANY ($2::UUID[])
  UNION ALL
  SELECT notifications.id AS id, $18::INTEGER AS place
  FROM notifications
  WHERE notifications.id = ANY ($2::UUID[])
  UNION ALL
  SELECT jobs.id AS id, $19::INTEGER AS place
  FROM jobs
  WHERE jobs.id = ANY ($2::UUID[])
  UNION ALL
  SELECT audit_alerts.id AS id, $20::INTEGER AS place
  FROM audit_alerts
  WHERE audit_alerts.id = ANY ($2::UUID[])
  UNION ALL
  SELECT webhook_events.id AS id, $21::INTEGER AS place
  FROM webhook_events
  WHERE webhook_events.id = ANY ($2::UUID[])
  UNION ALL
  SELECT shares.id AS id, $22::INTEGER AS place
  FROM shares
  WHERE shares.id = ANY ($2::UUID[])
  UNION ALL
  SELECT webhook_endpoints.id AS id, $23::INTEGER AS place
  FROM webhook_endpoints
  WHERE webhook_endpoints.id = ANY ($2::UUID[])
  UNION ALL
  SELECT webhook_deliveries.id AS id, $24::INTEGER AS place
  FROM webhook_deliveries
  WHERE webhook_deliveries.id = ANY ($2::UUID[])
  UNION ALL
  SELECT documents.id AS id, $25::INTEGER AS place
  FROM documents
  WHERE documents.id = ANY ($2::UUID[])
  UNION ALL
  SELECT blocks.id AS id, $26::INTEGER AS place
  FROM blocks
  WHERE blocks.id = ANY ($2::UUID[])
  UNION ALL
  SELECT requirements.id AS id, $27::INTEGER AS place
  FROM requirements
  WHERE requirements.id = ANY ($2::UUID[])
  UNION ALL
  SELECT baselines.id AS id, $28::INTEGER AS place
  FROM baselines
  WHERE baselines.id = ANY ($2::UUID[])
  UNION ALL
  SELECT assignments.id AS id, $29::INTEGER AS place
  FROM assignments
  WHERE assignments.id = ANY ($2::UUID[])
  UNION ALL
  SELECT test_req.id AS id, $30::INTEGER AS place
  FROM test_req
  WHERE test_req.id = ANY ($2::UUID[])
  UNION ALL
  SELECT requirement_tests.id AS id, $31::INTEGER AS place
  FROM requirement_tests
  WHERE requirement_tests.id = ANY ($2::UUID[])
  UNION ALL
  SELECT test_matrix_views.id AS id, $32::INTEGER AS place
  FROM test_matrix_views
  WHERE test_matrix_views.id = ANY ($2::UUID[])
  UNION ALL
  SELECT numbering_rules.id AS id, $33::INTEGER AS place
  FROM numbering_rules
  WHERE numbering_rules.id = ANY ($2::UUID[])
  UNION ALL
  SELECT import_mappings.id AS id, $34::INTEGER AS place
  FROM import_mappings
  WHERE import_mappings.id = ANY ($2::UUID[])
  UNION ALL
  SELECT trace_links.id AS id, $35::INTEGER AS place
  FROM trace_links
  WHERE trace_links.id = ANY ($2::UUID[])
  UNION ALL
  SELECT properties.id AS id, $36::INTEGER AS place
  FROM properties
  WHERE properties.id = ANY ($2::UUID[])
  UNION ALL
  SELECT columns.id AS id, $37::INTEGER AS place
  FROM columns
  WHERE columns.id = ANY ($2::UUID[])
  UNION ALL
  SELECT external_documents.id AS id, $38::INTEGER AS place
  FROM external_documents
  WHERE external_documents.id = ANY ($2::UUID[])
  UNION ALL
  SELECT files.id AS id, $39::INTEGER AS place
  FROM files
  WHERE files.id = ANY ($2::UUID[])
  UNION ALL
  SELECT excalidraw_diagrams.id AS id, $40::INTEGER AS place
  FROM excalidraw_diagrams
  WHERE excalidraw_diagrams.id = ANY ($2::UUID[])
  UNION ALL
  SELECT react_flow_diagrams.id AS id, $41::INTEGER AS place
  FROM react_flow_diagrams
  WHERE react_flow_diagrams.id = ANY ($2::UUID[])
  UNION ALL
  SELECT diagram_element_links.id AS id, $42::INTEGER AS place
  FROM diagram_element_links
  WHERE diagram_element_links.id = ANY ($2::UUID[])
  UNION ALL
  SELECT change_sets.id AS id, $43::INTEGER AS place
  FROM change_sets
  WHERE change_sets.id = ANY ($2::UUID[])
  UNION ALL
  SELECT change_set_items.id AS id, $44::INTEGER AS place
  FROM change_set_items
  WHERE change_set_items.id = ANY ($2::UUID[])
  UNION ALL
  SELECT comment_threads.id AS id, $45::INTEGER AS place
  FROM comment_threads
  WHERE comment_threads.id = ANY ($2::UUID[])
  UNION ALL
  SELECT comments.id AS id, $46::INTEGER AS place
  FROM comments
  WHERE comments.id = ANY ($2::UUID[])
  UNION ALL
  SELECT workflows.id AS id, $47::INTEGER AS place
  FROM workflows
  WHERE workflows.id = ANY ($2::UUID[])
  UNION ALL
  SELECT reviews.id AS id, $48::INTEGER AS place
  FROM reviews
  WHERE reviews.id = ANY ($2::UUID[])
  UNION ALL
  SELECT review_items.id AS id, $49::INTEGER AS place
  FROM review_items
  WHERE review_items.id = ANY ($2::UUID[])
  UNION ALL
  SELECT reviewers.id AS id, $50::INTEGER AS place
  FROM reviewers
  WHERE reviewers.id = ANY ($2::UUID[])
  UNION ALL
  SELECT review_verdicts.id AS id, $51::INTEGER AS place
  FROM review_verdicts
  WHERE review_verdicts.id = ANY ($2::UUID[])
  UNION ALL
  SELECT signatures.id AS id, $52::INTEGER AS place
  FROM signatures
  WHERE signatures.id = ANY ($2::UUID[])
  UNION ALL
  SELECT compliance_documents.id AS id, $53::INTEGER AS place
  FROM compliance_documents
  WHERE compliance_documents.id = ANY ($2::UUID[])
  UNION ALL
  SELECT frameworks.id AS id, $54::INTEGER AS place
  FROM frameworks
  WHERE frameworks.id = ANY ($2::UUID[])
  UNION ALL
  SELECT framework_revisions.id AS id, $55::INTEGER AS place
  FROM framework_revisions
  WHERE framework_revisions.id = ANY ($2::UUID[])
  UNION ALL
  SELECT assessments.id AS id, $56::INTEGER AS place
  FROM assessments
  WHERE assessments.id = ANY ($2::UUID[])
  UNION ALL
  SELECT finding_tasks.id AS id, $57::INTEGER AS place
  FROM finding_tasks
  WHERE finding_tasks.id = ANY ($2::UUID[])
  UNION ALL
  SELECT teams.id AS id, $58::INTEGER AS place
  FROM teams
  WHERE teams.id = ANY ($2::UUID[])
  UNION ALL
  SELECT team_members.id AS id, $59::INTEGER AS place
  FROM team_members
  WHERE team_members.id = ANY ($2::UUID[])
  UNION ALL
  SELECT project_deliveries.id AS id, $60::INTEGER AS place
  FROM project_deliveries
  WHERE project_deliveries.id = ANY ($2::UUID[])
  UNION ALL
  SELECT project_budgets.id AS id, $61::INTEGER AS place
  FROM project_budgets
  WHERE project_budgets.id = ANY ($2::UUID[])
  UNION ALL
  SELECT requirement_plans.id AS id, $62::INTEGER AS place
  FROM requirement_plans
  WHERE requirement_plans.id = ANY ($2::UUID[])
  UNION ALL
  SELECT features.id AS id, $63::INTEGER AS place
  FROM features
  WHERE features.id = ANY ($2::UUID[])
  UNION ALL
  SELECT test_cases.id AS id, $64::INTEGER AS place
  FROM test_cases
  WHERE test_cases.id = ANY ($2::UUID[])
  UNION ALL
  SELECT builds.id AS id, $65::INTEGER AS place
  FROM builds
  WHERE builds.id = ANY ($2::UUID[])
  UNION ALL
  SELECT environments.id AS id, $66::INTEGER AS place
  FROM environments
  WHERE environments.id = ANY ($2::UUID[])
  UNION ALL
  SELECT deployments.id AS id, $67::INTEGER AS place
  FROM deployments
  WHERE deployments.id = ANY ($2::UUID[])
  UNION ALL
  SELECT defects.id AS id, $68::INTEGER AS place
  FROM defects
  WHERE defects.id = ANY ($2::UUID[])
  UNION ALL
  SELECT vulnerabilities.id AS id, $69::INTEGER AS place
  FROM vulnerabilities
  WHERE vulnerabilities.id = ANY ($2::UUID[])
  UNION ALL
  SELECT security_events.id AS id, $70::INTEGER AS place
  FROM security_events
  WHERE security_events.id = ANY ($2::UUID[])) AS anon_1;

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
