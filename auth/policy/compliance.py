"""The policy of compliance: documents, frameworks, assessments and their reports."""

from auth.policy.rule import Product, Rule
from auth.viewer import Role
from db.base import Entity
from db.compliance.documents import ComplianceDocument

ANYONE, BILLING, MEMBER, GUEST, VIEWER, EDITOR, ADMIN, OWNER, NOBODY = Role

# fmt: off
RULES: dict[type[Entity], Rule] = {
    #                         read    create  update  delete
    ComplianceDocument:  Rule(MEMBER, MEMBER, ADMIN,  ADMIN, "user_id", ("update", "delete"),
                              inside=True),
}
# fmt: on
PRODUCT = Product(
    RULES,
    "compliance documents, assessments and reports",
    work="assessments of {} organizations, and read the documents that are assessed",
)
