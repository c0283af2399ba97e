"""The policy of compliance: documents, frameworks, assessments and their reports."""

from auth.policy.rule import Product, Rule
from auth.viewer import Role
from db.base import Entity
from db.compliance.assessments import Assessment, FindingTask
from db.compliance.documents import ComplianceDocument
from db.compliance.frameworks import Framework, FrameworkRevision

ANYONE, BILLING, PARTICIPANT, MEMBER, GUEST, VIEWER, EDITOR, ADMIN, OWNER, NOBODY = Role

# fmt: off
RULES: dict[type[Entity], Rule] = {
    #                         read    create  update  delete
    ComplianceDocument:  Rule(MEMBER, MEMBER, ADMIN,  ADMIN,  "user_id", ("update", "delete")),
    Framework:           Rule(ANYONE, NOBODY, NOBODY, NOBODY),
    FrameworkRevision:   Rule(ANYONE, NOBODY, NOBODY, NOBODY),
    Assessment:          Rule(MEMBER, MEMBER, NOBODY, ADMIN,  "user_id", ("delete",)),
    FindingTask:         Rule(MEMBER, MEMBER, MEMBER, ADMIN,  "created_by", ("delete",)),
}
# fmt: on
PRODUCT = Product(
    RULES,
    "compliance documents, assessments and reports",
    work="assessments of {} organizations, and read the documents that are assessed",
)
