"""The actions that can be tried with each entity through the API."""

from typing import Any
from uuid import UUID, uuid4

from db.base import Entity
from graph.schema import schema
from tests.policy.house import SAMPLES, House
from tests.samples import ACTIONS

READ = "query ($id: ID!) { node(id: $id) { id } }"
MUTATIONS = schema._schema.mutation_type.fields

ATTEMPTS = [
    (model, action)
    for model, sample in SAMPLES.items()
    for action in ("read", *ACTIONS)
    if action == "read" or (sample.mutation(model, action) and action not in sample.for_browsers)
]


def type_of(model: type[Entity]) -> str:
    """Return the API's name of the entity."""
    assert model.traits.node
    return model.traits.node


def name_of(model: type[Entity], action: str) -> str:
    """Return the name of the mutation."""
    name = SAMPLES[model].mutation(model, action)
    assert name
    return name


def new(house: House, model: type[Entity]) -> dict[str, Any]:
    """Return the input of a new row."""
    make = SAMPLES[model].new
    assert make
    return make(house, uuid4().hex)


async def prepare(house: House, model: type[Entity], action: str) -> int:
    """Put the entity's row into the state for this action; return its version."""
    sample, id = SAMPLES[model], house.rows[model].id
    if action == "create" and sample.before_create:
        await house.superuser.execute(sample.before_create, house.people["newcomer"])
    if sample.around:
        await house.superuser.execute(sample.around, id)
    deleted = action == "restore" or (action == "create" and sample.is_replaced)
    return await house.superuser.fetchval(f"{_reset(model, deleted)} RETURNING version", id)


def statements_of_rest(house: House) -> list[str]:
    """Return the statements that put the rows of all entities into the state for reading them."""
    found = []
    for model, sample in SAMPLES.items():
        statements = [sample.around] if sample.around else []
        statements.append(_reset(model, deleted=False))
        found += [each.replace("$1", f"'{house.rows[model].id}'") for each in statements]
    return found


def _reset(model: type[Entity], deleted: bool) -> str:
    reset = f", {SAMPLES[model].reset}" if SAMPLES[model].reset else ""
    at = "now()" if deleted else "NULL"
    return f"UPDATE {model.__tablename__} SET deleted_at = {at}{reset} WHERE id = $1"


async def attempt(
    house: House, person: str | None, model: type[Entity], action: str, id: UUID, version: int
) -> Any:
    """Return the response to a person who tries this with this row, or a new one beneath it."""
    if action == "read":
        return await house.post(person, READ, id=id)
    name = name_of(model, action)
    values = {"id": id, "expectedVersion": version}
    if action == "create":
        values["input"] = new(house, model)
    else:
        values["input"] = dict(SAMPLES[model].changes)
        if "name" in values["input"]:
            values["input"]["name"] = f"Changed {uuid4()}"
    taken = MUTATIONS[name].args
    sent = {key: value for key, value in values.items() if key in taken}
    declared = ", ".join(f"${key}: {taken[key].type}" for key in sent)
    given = ", ".join(f"{key}: ${key}" for key in sent)
    query = f"mutation ({declared}) {{ {name}({given}) {{ __typename }} }}"
    return await house.post(person, query, **sent)


def code_of(response: Any) -> str | None:
    """Return the code of the first error, or None."""
    errors = response.json().get("errors")
    return errors[0]["extensions"]["code"] if errors else None


def said(response: Any) -> Any:
    """Return the whole answer, except the ID of its correlation."""
    content = response.json()
    content.get("extensions", {}).pop("correlationId", None)
    return response.status_code, content
