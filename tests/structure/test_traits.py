"""The traits of each entity are complete, and match the API and the database."""

import re

import pytest
from sqlalchemy import inspect

from auth.policy import ENTITIES, RULES
from auth.session.ancestry import SCOPE_MODELS, parents
from auth.session.time_travel import MOVABLE
from db.base import SCOPES, Base, Entity
from db.change import AuditLog
from db.fields import secrets
from db.traits import Traits
from graph.kit.node import NODES
from graph.schema import schema

ANY_KEYS = {
    (model.__tablename__, attribute.columns[0].name)
    for model in RULES
    for attribute in inspect(model).column_attrs
    if attribute.columns[0].info.get("any_key")
}


def test_every_entity_says_what_it_is_and_has_a_line_in_the_policy():
    mapped = {mapper.class_ for mapper in Base.registry.mappers}
    ours = {model for model in mapped if model.metadata is Base.metadata}  # not those of a test
    entities = {model for model in ours if issubclass(model, Entity)}
    assert entities == set(RULES)
    assert all(isinstance(model.traits, Traits) for model in entities)
    assert len(ENTITIES) == len(RULES)


def test_the_api_has_a_type_for_each_entity_that_names_one():
    assert {model: type_.__name__ for model, type_ in NODES.items()} == {
        model: model.traits.node for model in RULES if model.traits.node
    }


@pytest.mark.parametrize("model", RULES, ids=lambda model: model.__name__)
def test_what_an_entity_names_is_there(model):
    attributes = inspect(model).all_orm_descriptors
    assert model.traits.named_by is None or model.traits.named_by in attributes
    above = parents(model)
    assert tuple(above) == (*model.traits.parents, *model.traits.owned_by)
    assert all(issubclass(parent, Entity) for parent in above.values())
    deferred = {a.key for a in inspect(model).column_attrs if a.deferred}
    assert deferred <= secrets(model)


def test_each_scope_has_one_entity():
    assert tuple(SCOPE_MODELS) == SCOPES


def test_what_can_be_restored_is_what_a_mutation_restores():
    restored = set()
    for name, field in schema._schema.mutation_type.fields.items():
        if name.endswith("Restore"):
            (row,) = field.type.fields.keys() - {"merged", "mergedVersions"}
            restored.add(field.type.fields[row].type.of_type.name)
    assert restored == {model.traits.node for model in RULES if model.traits.trash}


def test_the_gateway_knows_from_where_rows_were_moved():
    indexed = {tuple(str(index.name).split("_moved_from_")) for index in AuditLog.__table__.indexes}
    assert {name[1] for name in indexed if len(name) == 2} == MOVABLE


async def test_purging_a_row_finds_all_that_names_it_without_a_foreign_key(superuser):
    function = await superuser.fetchval("SELECT pg_get_functiondef('ctx.beneath'::regproc)")
    assert set(re.findall(r"\('public\.(\w+)', '(\w+)'\)", function)) == ANY_KEYS


@pytest.mark.slow
async def test_an_event_of_what_names_any_row_is_in_the_document_of_that(superuser):
    """By its own document, or by that which a trigger finds."""
    trigger = await superuser.fetchval(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'place_event'"
        " AND tgrelid = 'audit_logs'::regclass"
    )
    tables = {model.__tablename__ for name, model in ENTITIES.items() if f"'{name}'" in trigger}
    placed = {m.__tablename__ for m in RULES if "document_id" in inspect(m).column_attrs}
    assert tables == {table for table, _ in ANY_KEYS} - placed
