"""Samples of the entities of compliance, and the rows for the tests of row level security."""

from hashlib import sha256

from db.base import Entity
from db.compliance.documents import ComplianceDocument
from db.core.organizations import Organization
from tests.samples import Sample

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
}
ROWS = {
    "compliance_documents": "(id, organization_id, user_id, name, media_type, size)"
    " VALUES ($1, $1, $1, 'Policy', 'text/plain', 1)",
}
"""Columns and values of a row; $1 is the ID of everything."""
