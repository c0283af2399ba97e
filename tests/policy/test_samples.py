"""The matrix leaves no entity out: each type has a sample, and each action a name."""

import pytest
from graphql import get_named_type

from auth.policy import RULES
from graph.kit.node import NODES
from tests.policy.attempts import MUTATIONS, type_of
from tests.policy.house import PARENTS, SAMPLES
from tests.samples import ACTIONS, Sample


def test_every_type_that_node_finds_has_a_sample():
    assert set(SAMPLES) == set(NODES)
    assert set(SAMPLES) == {model for model in RULES if model.traits.node}
    assert all(parent in SAMPLES for parent in PARENTS.values())


@pytest.mark.parametrize("model", SAMPLES, ids=lambda model: model.__name__)
def test_the_actions_of_an_entity_are_the_mutations_there_are(model):
    sample = SAMPLES[model]
    usual = Sample(parent=None, new=None)
    for action in ACTIONS:
        name = sample.mutation(model, action)
        if name:
            payload = get_named_type(MUTATIONS[name].type)
            rows = {get_named_type(field.type).name for field in payload.fields.values()}
            assert type_of(model) in rows, name
        else:
            assert usual.mutation(model, action) not in MUTATIONS
    assert bool(sample.new) == bool(sample.mutation(model, "create"))
