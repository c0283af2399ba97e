"""Samples of the entities of compliance, and the rows for the tests of row level security."""

from datetime import UTC, datetime
from hashlib import sha256

from db.base import Entity
from db.compliance.assessments import Assessment, FindingTask
from db.compliance.documents import ComplianceDocument
from db.compliance.frameworks import Framework, FrameworkRevision
from db.core.organizations import Organization
from tests.samples import ACTIONS, Sample

DEFINED = {"definition": '{"requirements": [{"id": "A", "title": "Access", "text": "Access."}]}'}
FOUND = '{"findings": [{"framework": "SOC2", "requirement": "CC6.1", "status": "missing"}]}'
SAMPLES: dict[type[Entity], Sample] = {
    ComplianceDocument: Sample(
        parent=Organization,
        new=lambda house, _: {
            "organizationId": house.organization,
            "name": "New.txt",
            "mediaType": "text/plain",
            "size": 5,
        },
        row=lambda house: {
            "organization_id": house.organization,
            "user_id": house.people["colleague"],
            "name": "Policy.pdf",
            "media_type": "application/pdf",
            "size": 5,
            "status": "ready",
            "sha256": sha256().digest(),
        },
        mutations={"create": "complianceDocumentUploadStart"},
    ),
    Framework: Sample(
        parent=None,
        new=None,
        row=lambda house: {"code": f"F-{house.name}", "name": "Framework"} | DEFINED,
        mutations=dict.fromkeys(ACTIONS),
    ),
    FrameworkRevision: Sample(
        parent=Framework,
        new=None,
        row=lambda house: (
            {
                "framework_id": house.rows[Framework].id,
                "revision": 1,
                "name": "Framework",
            }
            | DEFINED
        ),
        mutations=dict.fromkeys(ACTIONS),
    ),
    Assessment: Sample(
        parent=ComplianceDocument,
        new=lambda house, _: {
            "complianceDocumentId": house.rows[ComplianceDocument].id,
            "frameworkIds": [house.rows[Framework].id],
        },
        row=lambda house: {
            "organization_id": house.organization,
            "user_id": house.people["colleague"],
            "compliance_document_id": house.rows[ComplianceDocument].id,
            "document_name": "Policy.pdf",
            "results": FOUND,
        },
        mutations={"update": None},  # workers write it
        reset="status = 'pending', error_message = NULL",
    ),
    FindingTask: Sample(
        parent=Assessment,
        new=lambda house, _: {
            "assessmentId": house.rows[Assessment].id,
            "framework": "SOC2",
            "requirement": "CC6.1",
            "title": "New",
            "assigneeId": house.people["newcomer"],
            "dueDate": "2099-01-01T00:00:00Z",
        },
        row=lambda house: {
            "organization_id": house.organization,
            "assessment_id": house.rows[Assessment].id,
            "compliance_document_id": house.rows[ComplianceDocument].id,
            "framework": "SOC2",
            "requirement": "CC6.1",
            "title": "Describe access reviews",
            "assignee_id": house.people["colleague"],
            "due_date": datetime(2099, 1, 1, tzinfo=UTC),
        },
        changes={"title": "Changed"},
    ),
}
ROWS = {
    "compliance_documents": "(id, organization_id, user_id, name, media_type, size)"
    " VALUES ($1, $1, $1, 'Policy', 'text/plain', 1)",
    "frameworks": "(id, code, name) VALUES ($1, $1::uuid::text, 'Framework')",
    "framework_revisions": "(id, framework_id, revision, name) VALUES ($1, $1, 1, 'Framework')",
    "assessments": "(id, organization_id, user_id, compliance_document_id, document_name)"
    " VALUES ($1, $1, $1, $1, 'Policy')",
    "assessment_frameworks": "(id, organization_id, assessment_id, framework_id, revision_id,"
    " framework_revision) VALUES ($1, $1, $1, $1, $1, 1)",
    "finding_tasks": "(id, organization_id, assessment_id, compliance_document_id, framework,"
    " requirement, title, assignee_id, due_date)"
    " VALUES ($1, $1, $1, $1, 'SOC2', 'A', 'Do', $1, now())",
}
"""Columns and values of a row; $1 is the ID of everything."""
