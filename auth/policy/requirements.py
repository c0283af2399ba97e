"""The policy of requirements management: documents, blocks, requirements and their parts."""

from auth.policy.rule import Product, Rule
from auth.viewer import Role
from db.base import Entity
from db.requirements.baselines import Baseline
from db.requirements.change_sets import ChangeSet, ChangeSetItem
from db.requirements.collaboration import Assignment, TraceLink
from db.requirements.comments import Comment, CommentThread
from db.requirements.diagrams import DiagramElementLink, ExcalidrawDiagram, ReactFlowDiagram
from db.requirements.documents import Block, Document
from db.requirements.external import ExternalDocument
from db.requirements.files import File
from db.requirements.import_mappings import ImportMapping
from db.requirements.numbering import NumberingRule
from db.requirements.properties import Column, Property
from db.requirements.requirements import Requirement
from db.requirements.reviews import Review, Reviewer, ReviewItem, ReviewVerdict
from db.requirements.signatures import Signature
from db.requirements.testing import TestCase, TestExecution, TestMatrixView
from db.requirements.workflows import Workflow

ANYONE, BILLING, PARTICIPANT, MEMBER, GUEST, VIEWER, EDITOR, ADMIN, OWNER, NOBODY = Role

# fmt: off
RULES: dict[type[Entity], Rule] = {
    #                         read    create  update  delete
    Document:            Rule(GUEST,  EDITOR, EDITOR, ADMIN),
    Block:               Rule(GUEST,  EDITOR, EDITOR, EDITOR),
    Requirement:         Rule(GUEST,  EDITOR, EDITOR, EDITOR),
    Property:            Rule(GUEST,  ADMIN,  ADMIN,  ADMIN, unplaced=PARTICIPANT,
                              seen_with=(Column, "property_id")),
    Column:              Rule(GUEST,  EDITOR, EDITOR, EDITOR),
    TestCase:            Rule(VIEWER, EDITOR, EDITOR, EDITOR),
    TestExecution:       Rule(VIEWER, EDITOR, EDITOR, EDITOR),
    TestMatrixView:      Rule(VIEWER, EDITOR, EDITOR, EDITOR),
    Assignment:          Rule(VIEWER, EDITOR, EDITOR, EDITOR, inside=True),
    TraceLink:           Rule(VIEWER, EDITOR, EDITOR, EDITOR),
    ExcalidrawDiagram:   Rule(VIEWER, EDITOR, EDITOR, EDITOR),
    DiagramElementLink:  Rule(VIEWER, EDITOR, EDITOR, EDITOR),
    ReactFlowDiagram:    Rule(VIEWER, EDITOR, EDITOR, EDITOR),
    ExternalDocument:    Rule(MEMBER, EDITOR, EDITOR, EDITOR),
    File:                Rule(VIEWER, EDITOR, EDITOR, EDITOR, unplaced=MEMBER),
    Baseline:            Rule(VIEWER, EDITOR, NOBODY, ADMIN),
    NumberingRule:       Rule(VIEWER, ADMIN,  ADMIN,  ADMIN),
    ImportMapping:       Rule(VIEWER, EDITOR, EDITOR, EDITOR, inside=True),
    ChangeSet:           Rule(VIEWER, EDITOR, EDITOR, NOBODY, inside=True),
    ChangeSetItem:       Rule(VIEWER, EDITOR, EDITOR, EDITOR, inside=True),
    CommentThread:       Rule(VIEWER, VIEWER, EDITOR, ADMIN, "created_by", ("update", "delete"),
                              unplaced=MEMBER, inside=True),
    Comment:             Rule(VIEWER, VIEWER, NOBODY, ADMIN, "created_by", ("update", "delete"),
                              unplaced=MEMBER, inside=True),
    Workflow:            Rule(VIEWER, ADMIN,  ADMIN,  ADMIN, inside=True),
    Review:              Rule(VIEWER, EDITOR, EDITOR, NOBODY, inside=True),
    ReviewItem:          Rule(VIEWER, EDITOR, NOBODY, EDITOR, inside=True),
    Reviewer:            Rule(VIEWER, EDITOR, NOBODY, EDITOR, inside=True),
    ReviewVerdict:       Rule(VIEWER, VIEWER, VIEWER, NOBODY, inside=True),
    Signature:           Rule(VIEWER, VIEWER, NOBODY, NOBODY, inside=True),
}
# fmt: on

PRODUCT = Product(RULES, "documents, requirements, assignments and baselines")
