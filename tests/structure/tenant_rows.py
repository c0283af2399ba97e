"""One row in each table that requests reach, for the tests of row level security."""

from tests.compliance import samples as compliance
from tests.delivery import samples as delivery
from tests.structure.audit_rows import AUDIT_ROWS
from tests.structure.review_rows import REVIEW_ROWS

# One row in each table that requests reach; $1 is an id for all of them, which makes them easy to
# find and shows that ids need not differ between tables.
ROWS = {
    "profiles": "(id, email) VALUES ($1, $1::uuid || '@demo.example')",
    "organizations": "(id, name, slug, owner_id) VALUES ($1, 'Rover', $1::uuid::text, $1)",
    "organization_members": "(id, organization_id, user_id) VALUES ($1, $1, $1)",
    "organization_invitations": "(id, organization_id, email, token, expires_at)"
    " VALUES ($1, $1, 'viewer@demo.example', $1, now() + interval '1 day')",
    "organization_clients": "(id, organization_id, name, redirect_uris)"
    " VALUES ($1, $1, 'Planner', '{https://planner.example/}')",
    "provisioned_groups": "(id, organization_id, display_name) VALUES ($1, $1, 'Pilots')",
    "provisioned_group_members": "(id, organization_id, group_id, user_id) VALUES ($1, $1, $1, $1)",
    "projects": "(id, organization_id, name, slug) VALUES ($1, $1, 'Rover', 'rover')",
    "project_members": "(id, organization_id, project_id, user_id) VALUES ($1, $1, $1, $1)",
    "user_roles": "(id, organization_id, user_id, admin_role) VALUES ($1, $1, $1, 'admin')",
    "notifications": "(id, organization_id, user_id, title) VALUES ($1, $1, $1, 'Hello')",
    "stripe_customers": "(id, organization_id) VALUES ($1, $1)",
    "billing_cache": "(id, organization_id, period_start, period_end)"
    " VALUES ($1, $1, now(), now() + interval '1 month')",
    "usage_logs": "(id, organization_id, user_id, feature, quantity, unit_type)"
    " VALUES ($1, $1, $1, 'export', 1, 'file')",
    **AUDIT_ROWS,
    "idempotency_keys": "(user_id, client_id, key, request_hash) VALUES ($1, '', 'k', sha256(''))",
    "usage_counters": "(organization_id, month, share, maximum)"
    " VALUES ($1::uuid, '2020-01-01', 1, 1)",
    "usage_features": "(organization_id, day, feature, unit_type) VALUES ($1, now(), 'a', 'a')",
    "usage_people": "(organization_id, span, first_day, user_id, unit_type)"
    " VALUES ($1, 1, '2020-01-01', $1, 'file')",
    "external_documents": "(id, organization_id, name) VALUES ($1, $1, 'Norm')",
    "documents": "(id, organization_id, project_id, name, slug) VALUES ($1, $1, $1, 'D', 'd')",
    "blocks": "(id, organization_id, project_id, document_id, name) VALUES ($1, $1, $1, $1, 'B')",
    "properties": "(id, organization_id, project_id, key, name, property_type)"
    " VALUES ($1, $1, $1, 'mass', 'Mass', 'number')",
    "columns": "(id, organization_id, project_id, document_id, block_id, property_id)"
    " VALUES ($1, $1, $1, $1, $1, $1)",
    "requirements": "(id, organization_id, project_id, document_id, block_id, name)"
    " VALUES ($1, $1, $1, $1, $1, 'Stops')",
    "test_req": "(id, organization_id, project_id, title) VALUES ($1, $1, $1, 'Brake test')",
    "requirement_tests": "(id, organization_id, project_id, requirement_id, test_id)"
    " VALUES ($1, $1, $1, $1, $1)",
    "test_matrix_views": "(id, organization_id, project_id, name) VALUES ($1, $1, $1, 'All')",
    "assignments": "(id, organization_id, project_id, entity_id, entity_type, assignee_id)"
    " VALUES ($1, $1, $1, $1, 'requirement', $1)",
    "trace_links": "(id, organization_id, project_id, source_id, source_type, target_id,"
    " target_type) VALUES ($1, $1, $1, $1, 'requirement', gen_random_uuid(), 'test')",
    "excalidraw_diagrams": "(id, organization_id, project_id) VALUES ($1, $1, $1)",
    "diagram_element_links": "(id, organization_id, project_id, diagram_id, requirement_id,"
    " element_id) VALUES ($1, $1, $1, $1, $1, 'box')",
    "react_flow_diagrams": "(id, organization_id, project_id, name) VALUES ($1, $1, $1, 'Flow')",
    "change_sets": "(id, organization_id, project_id, name) VALUES ($1, $1, $1, 'Release')",
    "change_set_items": "(id, organization_id, project_id, change_set_id, entity_type, entity_id)"
    " VALUES ($1, $1, $1, $1, 'Requirement', $1)",
    "comment_threads": "(id, organization_id, project_id, entity_type, entity_id)"
    " VALUES ($1, $1, $1, 'Requirement', $1)",
    **REVIEW_ROWS,
    **compliance.ROWS,
    **delivery.ROWS,
    "comments": "(id, organization_id, project_id, thread_id, body) VALUES ($1, $1, $1, $1, 'Hi')",
    "stars": "(id, organization_id, project_id, user_id) VALUES ($1, $1, $1, $1)",
    "visits": "(id, organization_id, project_id, user_id) VALUES ($1, $1, $1, $1)",
    "numbering_rules": "(id, organization_id, project_id, prefix) VALUES ($1, $1, $1, 'SYS-')",
    "files": "(id, organization_id, project_id, document_id, name, media_type, size)"
    " VALUES ($1, $1, $1, $1, 'Plan', 'text/plain', 1)",
    "baselines": "(id, organization_id, project_id, name, content_hash)"
    " VALUES ($1, $1, $1, 'R1', sha256(''))",
    "baseline_items": "(baseline_id, organization_id, project_id, entity_type, entity_id, version,"
    " content_hash) VALUES ($1, $1, $1, 'Requirement', $1, 1, sha256(''))",
}
