"""Samples of the entities of requirements management."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from db.base import Entity
from db.core.organizations import Organization
from db.core.projects import Project
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
from tests.core.samples import named
from tests.samples import Sample


def in_document(house: Any, _: str) -> dict[str, Any]:
    """Return the input of a row in the document."""
    return {"documentId": house.document, "name": "New"}


def in_project(house: Any, **more: Any) -> dict[str, Any]:
    """Return the columns of a row in the project."""
    return {"organization_id": house.organization, "project_id": house.project, **more}


def in_document_of(house: Any, **more: Any) -> dict[str, Any]:
    """Return the columns of a row in the document."""
    return in_project(house, document_id=house.document, **more)


SAMPLES: dict[type[Entity], Sample] = {
    Document: Sample(
        parent=Project, new=lambda house, word: {"projectId": house.project, **named(word)}
    ),
    Block: Sample(parent=Document, new=in_document),
    Requirement: Sample(parent=Document, new=in_document),
    Assignment: Sample(
        parent=Requirement,
        new=lambda house, _: {
            "entityId": house.requirement,
            "assigneeId": house.people["newcomer"],
        },
        row=lambda house: {
            "organization_id": house.organization,
            "project_id": house.project,
            "entity_id": house.requirement,
            "entity_type": "requirement",
            "assignee_id": house.people["colleague"],
        },
        changes={"comment": "Changed"},
        mutations={"restore": None},
        before_create="DELETE FROM assignments WHERE assignee_id = $1",
    ),
    TraceLink: Sample(
        parent=Requirement,
        new=lambda house, _: {
            "sourceId": house.requirement,
            "targetId": house.block,
            "linkType": "REFINES",
        },
        row=lambda house: {
            "organization_id": house.organization,
            "project_id": house.project,
            "source_id": house.requirement,
            "source_type": "requirement",
            "target_id": house.document,
            "target_type": "document",
        },
        changes={"description": "Changed"},
        before_create="DELETE FROM trace_links WHERE link_type = 'refines' AND id <> $1",
    ),
    Baseline: Sample(
        parent=Document,
        new=in_document,
        row=lambda house: {
            "organization_id": house.organization,
            "project_id": house.project,
            "document_id": house.document,
            "name": "Release",
            "content_hash": sha256().digest(),
        },
        mutations={"update": None},  # a baseline never changes
    ),
    TestCase: Sample(
        parent=Project,
        new=lambda house, word: {"projectId": house.project, "title": "New", "testId": word},
        row=lambda house: in_project(house, title="Brake test"),
        changes={"title": "Changed"},
    ),
    TestExecution: Sample(
        parent=TestCase,
        new=lambda house, _: {
            "testCaseId": house.rows[TestCase].id,
            "requirementId": house.requirement,
            "executionStatus": "PASS",
        },
        row=lambda house: in_project(
            house, test_id=house.rows[TestCase].id, requirement_id=house.requirement
        ),
        changes={"resultNotes": "Changed"},
        mutations={"create": "executionRecord", "restore": None},
    ),
    TestMatrixView: Sample(
        parent=Project,
        new=lambda house, _: {"projectId": house.project, "name": "New"},
        row=lambda house: in_project(house, name="All"),
    ),
    ImportMapping: Sample(
        parent=Project,
        new=lambda house, word: {"projectId": house.project, "name": f"New {word}"},
        row=lambda house: in_project(house, name="Supplier"),
    ),
    NumberingRule: Sample(
        parent=Project,
        new=lambda house, word: {"projectId": house.project, "prefix": "SYS-"},
        row=lambda house: {
            "organization_id": house.organization,
            "project_id": house.project,
            "document_id": house.document,
            "level": "business",
            "prefix": "BUS-",
        },
        changes={"prefix": "CHANGED-"},
        before_create="DELETE FROM numbering_rules WHERE level IS NULL AND organization_id IN"
        " (SELECT organization_id FROM organization_members WHERE user_id = $1)",
    ),
    ExternalDocument: Sample(
        parent=Organization,
        new=lambda house, _: {"organizationId": house.organization, "name": "New"},
        row=lambda house: {"organization_id": house.organization, "name": "Norm"},
    ),
    File: Sample(
        parent=TestCase,
        new=lambda house, _: {
            "ownerId": house.rows[TestCase].id,
            "name": "New",
            "mediaType": "text/plain",
            "size": 5,
        },
        row=lambda house: in_project(
            house,
            document_id=None,  # which the test case is not in
            test_id=house.rows[TestCase].id,
            name="Plan",
            media_type="text/plain",
            size=5,
            state="stored",
            sha256=sha256().digest(),
        ),
    ),
    ExcalidrawDiagram: Sample(
        parent=Project,
        new=lambda house, _: {"projectId": house.project, "name": "New"},
        row=lambda house: in_project(
            house,
            name="Brakes",
            diagram_data='{"elements": [{"id": "box", "type": "rectangle", "x": 0, "y": 0}]}',
        ),
    ),
    ReactFlowDiagram: Sample(
        parent=Project,
        new=lambda house, _: {"projectId": house.project, "name": "New"},
        row=lambda house: in_project(house, name="Data flow"),
    ),
    DiagramElementLink: Sample(
        parent=ExcalidrawDiagram,
        new=lambda house, _: {
            "diagramId": house.rows[ExcalidrawDiagram].id,
            "elementId": "box",
            "requirementId": house.requirement,
        },
        row=lambda house: in_project(
            house,
            diagram_id=house.rows[ExcalidrawDiagram].id,
            element_id="other",
            requirement_id=house.requirement,
        ),
        changes={"linkType": "changed"},
        before_create="DELETE FROM diagram_element_links WHERE element_id = 'box'"
        " AND created_by <> $1",
    ),
    Property: Sample(
        parent=Project,
        new=lambda house, word: {
            "projectId": house.project,
            "name": word,
            "propertyType": "TEXT",
        },
        row=lambda house: {
            "organization_id": house.organization,
            "project_id": house.project,
            "document_id": house.document,  # a column of it is for people of the document
            "key": "rationale",
            "name": "Rationale",
            "property_type": "text",
        },
    ),
    Column: Sample(
        parent=Block,
        new=lambda house, _: {
            "blockId": house.block,
            "propertyId": house.rows[Property].id,
        },
        row=lambda house: {
            "organization_id": house.organization,
            "project_id": house.project,
            "document_id": house.document,
            "block_id": house.block,
            "property_id": house.rows[Property].id,
        },
        changes={"isHidden": True},
        is_replaced=True,  # a block shows a property once
        around="DELETE FROM columns WHERE id <> $1",
    ),
    ChangeSet: Sample(
        parent=Project,
        new=lambda house, _: {"projectId": house.project, "name": "New"},
        row=lambda house: in_project(house, name="Release 2"),
        mutations={"delete": None, "restore": None},  # it is withdrawn
    ),
    ChangeSetItem: Sample(
        parent=ChangeSet,
        new=None,
        row=lambda house: in_project(
            house,
            change_set_id=house.rows[ChangeSet].id,
            entity_type="Requirement",
            entity_id=house.requirement,
            base_version=1,
            base='{"name": "Old"}',
            proposed='{"name": "New"}',
        ),
        mutations={"create": None, "update": None, "delete": None, "restore": None},
    ),
    CommentThread: Sample(
        parent=Requirement,
        new=lambda house, _: {"entityId": house.requirement, "body": "New"},
        row=lambda house: in_document_of(
            house, entity_type="Requirement", entity_id=house.requirement
        ),
        mutations={"update": None},  # it is resolved
    ),
    Comment: Sample(
        parent=CommentThread,
        new=lambda house, _: {"threadId": house.rows[CommentThread].id, "body": "New"},
        row=lambda house: in_document_of(
            house, thread_id=house.rows[CommentThread].id, body="Is 40 m enough?"
        ),
        changes={"body": "Changed"},
    ),
    Workflow: Sample(
        parent=Project,
        new=lambda house, _: {"projectId": house.project},
        row=in_project,
        changes={"minApprovals": 2},
        is_replaced=True,  # a project has one
        around="DELETE FROM workflows WHERE id <> $1",
    ),
    Review: Sample(
        parent=Project,
        new=lambda house, _: {
            "projectId": house.project,
            "name": "New",
            "entityIds": [house.requirement],
            "reviewers": [{"userId": house.people["colleague"]}],
        },
        row=lambda house: in_project(house, name="Release 2", created_by=None),
        mutations={"delete": None, "restore": None},  # it is closed or cancelled
    ),
    ReviewItem: Sample(
        parent=Review,
        new=None,
        row=lambda house: in_project(
            house,
            review_id=house.rows[Review].id,
            entity_type="Requirement",
            entity_id=house.requirement,
            entity_version=1,
            pin="1",
        ),
        mutations={"create": None, "update": None, "delete": None, "restore": None},
    ),
    Reviewer: Sample(
        parent=Review,
        new=None,
        row=lambda house: in_project(
            house, review_id=house.rows[Review].id, reviewer_id=house.people["colleague"]
        ),
        mutations={"create": None, "update": None, "delete": None, "restore": None},
    ),
    ReviewVerdict: Sample(
        parent=ReviewItem,
        new=None,
        row=lambda house: in_project(
            house,
            review_id=house.rows[Review].id,
            item_id=house.rows[ReviewItem].id,
            reviewer_id=house.people["colleague"],
        ),
        mutations={"create": None, "update": None, "delete": None, "restore": None},
    ),
    Signature: Sample(
        parent=Requirement,
        new=lambda house, _: {"entityId": house.requirement, "meaning": "REVIEW"},
        row=lambda house: in_project(
            house,
            entity_type="Requirement",
            entity_id=house.requirement,
            signer_id=house.people["colleague"],
            signer_name="Colleague",
            signer_email="colleague@test.example",
            signed_at=datetime(2026, 1, 1, tzinfo=UTC),
            authenticated_at=datetime(2026, 1, 1, tzinfo=UTC),
            content="{}",
            content_hash=sha256(b"{}").digest(),
            chain_seq=0,
            chain_hash=sha256().digest(),
        ),
        mutations={"update": None, "delete": None, "restore": None},
        for_browsers=frozenset({"create"}),
    ),
}
