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
AND assessments.id = ANY ($3::UUID[])

SELECT compliance_documents.(...)
FROM compliance_documents
WHERE compliance_documents.deleted_at IS NULL
AND (compliance_documents.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
          FROM organizations
          WHERE organizations.deleted_at IS NOT NULL
          AND organizations.id = ANY ($1::UUID[])))) AS unnest_1))
AND compliance_documents.organization_id = ANY ($2::UUID[])
AND compliance_documents.id = ANY ($3::UUID[])

WITH gone_compliance_documents AS
(SELECT compliance_documents.id AS id
  FROM compliance_documents
  WHERE compliance_documents.deleted_at IS NOT NULL
  AND compliance_documents.organization_id = ANY ($3::UUID[]))
SELECT page.(...)
FROM unnest($1::UUID[]) AS parent(id)
JOIN LATERAL (SELECT assessment_frameworks.(...)
  FROM assessment_frameworks
  WHERE (assessment_frameworks.organization_id = ANY ($2::UUID[])
    OR assessment_frameworks.assessment_id = ANY ($2::UUID[]))
  AND (EXISTS (SELECT assessments.id
      FROM assessments
      WHERE assessments.id = assessment_frameworks.assessment_id
      AND assessments.deleted_at IS NULL
      AND (assessments.organization_id NOT IN (SELECT unnest(array((SELECT organizations.id
                FROM organizations
                WHERE organizations.deleted_at IS NOT NULL
                AND organizations.id = ANY ($3::UUID[])))) AS unnest_1))
      AND (assessments.compliance_document_id NOT IN (SELECT unnest(array((SELECT gone_compliance_documents.id
                FROM gone_compliance_documents))) AS unnest_2))
      AND (assessments.organization_id = ANY ($2::UUID[])
        OR assessments.id = ANY ($2::UUID[]))))
  AND assessment_frameworks.assessment_id = parent.id
  ORDER BY assessment_frameworks.id ASC
  LIMIT $4::INTEGER) AS page ON true

SELECT frameworks.(...)
FROM frameworks
WHERE frameworks.deleted_at IS NULL
AND frameworks.id = ANY ($1::UUID[])
