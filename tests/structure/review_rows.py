"""Rows of reviews, imported files and domains, for the tests of row level security."""

REVIEW_ROWS = {
    "organization_domains": "(id, organization_id, domain, verification_token)"
    " VALUES ($1, $1, 'demo.example', 'token')",
    "import_mappings": "(id, organization_id, project_id, name) VALUES ($1, $1, $1, 'CSV')",
    "workflows": "(id, organization_id, project_id) VALUES ($1, $1, $1)",
    "reviews": "(id, organization_id, project_id, name) VALUES ($1, $1, $1, 'Release')",
    "review_items": "(id, organization_id, project_id, review_id, entity_type, entity_id,"
    " entity_version, pin) VALUES ($1, $1, $1, $1, 'Requirement', $1, 1, '1')",
    "reviewers": "(id, organization_id, project_id, review_id, reviewer_id)"
    " VALUES ($1, $1, $1, $1, $1)",
    "review_verdicts": "(id, organization_id, project_id, review_id, item_id, reviewer_id)"
    " VALUES ($1, $1, $1, $1, $1, $1)",
    "access_reviews": "(id, organization_id, name, due_date)"
    " VALUES ($1, $1, 'Access', now() + interval '1 day')",
    "access_review_items": "(id, organization_id, access_review_id, user_id, kind, grant_id,"
    " grant_version, role, object_type, object_id, granted_at)"
    " VALUES ($1, $1, $1, $1, 'membership', $1, 1, 'owner', 'Organization', $1, now())",
    "signatures": "(id, organization_id, project_id, entity_type, entity_id, signer_id,"
    " signer_name, signer_email, signed_at, authenticated_at, content, content_hash, chain_seq,"
    " chain_hash) VALUES ($1, $1, $1, 'Requirement', $1, $1, 'X', 'x@test.example', now(), now(),"
    " '{}', sha256(''), 0, sha256(''))",
    "exchange_files": "(id, organization_id, project_id, document_ids, format, name, sha256,"
    " versions) VALUES ($1, $1, $1, '{}', 'reqif', 'a.reqif', sha256(''), '')",
}
