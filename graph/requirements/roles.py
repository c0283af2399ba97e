"""The roles that are granted at documents, and who has access to them."""

from db.requirements.documents import Document as DocumentRow
from graph.core.access import accessible
from graph.core.roles import UserRole, roles
from graph.kit.fields import extend_type, to_one
from graph.requirements.documents import Document

extend_type(
    Document,
    roles=roles(
        "document_id",
        "The roles granted at the document; for viewers who are not administrators, only their"
        " own.",
    ),
)
extend_type(
    UserRole,
    document=to_one(
        "document_id",
        DocumentRow,
        Document,
        "The document of the role; null if there is none or the viewer cannot read it.",
    ),
)
accessible(Document, "organization_id", "project_id", noun="document")
