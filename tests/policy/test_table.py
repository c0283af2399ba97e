"""The policy's table is complete, is the one that was reviewed, and has the expected entries."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest

from auth.policy import RULES, allows, printed
from auth.viewer import Role, Viewer
from db.base import Entity
from db.core.clients import OrganizationClient
from db.core.organizations import Organization, OrganizationInvitation, OrganizationMember
from db.core.projects import Project, ProjectMember
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from tests.policy.attempts import attempt, code_of, prepare

GOLDEN = Path(__file__).parents[1] / "golden" / "policy.txt"

ALLOWED = [
    ("owner", "delete", Organization),
    ("admin", "update", Organization),
    ("billing", "read", Organization),
    ("outsider", "create", Organization),
    ("member", "read", OrganizationMember),
    ("admin", "delete", OrganizationMember),
    ("admin", "create", OrganizationInvitation),
    ("viewer", "read", Project),
    ("admin", "create", Project),
    ("project_admin", "delete", Project),
    ("project_admin", "create", ProjectMember),
    ("project_viewer", "read", Requirement),
    ("project_editor", "create", Document),
    ("editor", "update", Block),
    ("document_editor", "update", Document),
    ("document_editor", "delete", Requirement),
]
REFUSED = [
    ("admin", "delete", Organization, "FORBIDDEN"),
    ("editor", "update", Organization, "FORBIDDEN"),
    ("outsider", "read", Organization, "NOT_FOUND"),
    ("billing", "read", OrganizationMember, "NOT_FOUND"),
    ("editor", "read", OrganizationInvitation, "NOT_FOUND"),
    ("admin", "read", OrganizationClient, "NOT_FOUND"),
    ("admin", "create", OrganizationClient, "FORBIDDEN"),
    ("member", "read", Project, "NOT_FOUND"),
    ("billing", "read", Project, "NOT_FOUND"),
    ("editor", "create", Project, "FORBIDDEN"),
    ("project_admin", "create", Project, "FORBIDDEN"),
    ("document_editor", "read", Project, "NOT_FOUND"),
    ("project_editor", "create", ProjectMember, "FORBIDDEN"),
    ("editor", "delete", Document, "FORBIDDEN"),
    ("document_editor", "delete", Document, "FORBIDDEN"),
    ("document_editor", "create", Document, "NOT_FOUND"),
    ("project_viewer", "update", Requirement, "FORBIDDEN"),
    ("viewer", "create", Requirement, "FORBIDDEN"),
    ("member", "read", Requirement, "NOT_FOUND"),
    (None, "read", Requirement, "UNAUTHENTICATED"),
    (None, "create", Organization, "UNAUTHENTICATED"),
]
"""Entries repeated by hand, so that a slip in the table is noticed."""


def test_the_policy_is_the_one_that_was_reviewed():
    """After an intended change, write the output of `auth.policy.printed()` into the file."""
    assert printed() == GOLDEN.read_text()


def test_every_entity_has_a_line():
    classes = {mapper.class_ for mapper in Entity.registry.mappers}
    entities = {class_ for class_ in classes if issubclass(class_, Entity)}
    ours = {entity for entity in entities if entity.__table__.metadata is Entity.metadata}
    assert ours == set(RULES)


@pytest.mark.parametrize("model", RULES, ids=lambda model: model.__name__)
def test_nobody_may_change_what_they_may_not_read(model):
    rule = RULES[model]
    changing = [least for least in (rule.update, rule.delete) if least is not Role.NOBODY]
    assert all(least >= rule.read for least in changing)
    if rule.own:
        assert rule.own in {"id", "user_id", "created_by"}
    if rule.own and "read" not in rule.own_actions:
        author, place = uuid4(), uuid4()
        scopes = dict.fromkeys(model.scope_keys(), place)
        row = SimpleNamespace(**scopes | {rule.own: author})
        member = Viewer(author, grants={}, organizations=frozenset({place}))
        assert not any(allows(member, action, model, row) for action in ("update", "delete"))
        reader = replace(member, grants={place: rule.read})
        assert all(allows(reader, action, model, row) for action in rule.own_actions)


def said(person, action, model, *_):
    return f"{person} {action} {model.__name__}"


@pytest.mark.slow
@pytest.mark.parametrize("told", ALLOWED, ids=lambda told: said(*told))
async def test_who_may(tidy, told):
    assert await code(tidy, *told) is None


@pytest.mark.slow
@pytest.mark.parametrize("told", REFUSED, ids=lambda told: said(*told))
async def test_who_may_not(tidy, told):
    *tried, refusal = told
    assert await code(tidy, *tried) == refusal


async def code(house, person, action, model):
    version = await prepare(house, model, action)
    return code_of(await attempt(house, person, model, action, house.rows[model].id, version))
