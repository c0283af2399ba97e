"""Rows of the audit log and of what concerns it, by table."""

AUDIT_ROWS = {
    "audit_logs": "(id, organization_id, entity_id, entity_type, action)"
    " VALUES ($1, $1, $1, 'project', 'create')",
    "audit_personal_data": "(event_id, organization_id, subject_id, salt, data)"
    " VALUES ($1, $1, $1, decode(repeat('00', 16), 'hex'), '{}')",
    "audit_seals": "(organization_id, seq, event_at, event_id, hash)"
    " VALUES ($1, 1, now(), $1, sha256(''))",
    "audit_archives": "(organization_id, first_seq, last_seq, month, until, previous_hash,"
    " head_hash, sha256, file) VALUES ($1::uuid, 1, 1, '2020-01-01', '2020-02-01', sha256(''),"
    " sha256(''), sha256(''), 'a.zip')",
    "legal_holds": "(id, organization_id, reason) VALUES ($1, $1, 'Case 7')",
}
"""Columns and values of a row; $1 is the ID of everything."""
