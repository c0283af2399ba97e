WITH gone_compliance_documents AS
(SELECT compliance_documents.id AS id
  FROM compliance_documents
  WHERE compliance_documents.deleted_at IS NOT NULL
  AND compliance_documents.organization_id = ANY ($1::UUID[]))
SELECT assessments.(...)
FROM assessments
WHERE assessments.deleted_at IS NULL
AND (assessments.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
          FROM organizations
          WHERE organizations.deleted_at IS NOT NULL
          AND organizations.id = ANY ($1::UUID[])))) AS unnest_1))
AND (assessments.compliance_document_id NOT IN (SELECT unnest(array((SELECT gone_compliance_documents.id
          FROM gone_compliance_documents))) AS unnest_2))
AND (assessments.organization_id = ANY ($2::UUID[])
  OR assessments.id = ANY ($2::UUID[]))
AND assessments.user_id = $3::UUID
ORDER BY assessments.created_at DESC, assessments.id DESC
LIMIT $4::INTEGER

SELECT compliance_documents.(...)
FROM compliance_documents
WHERE compliance_documents.deleted_at IS NULL
AND (compliance_documents.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
          FROM organizations
          WHERE organizations.deleted_at IS NOT NULL
          AND organizations.id = ANY ($1::UUID[])))) AS unnest_1))
AND compliance_documents.organization_id = ANY ($2::UUID[])
AND compliance_documents.id = ANY ($3::UUID[])
