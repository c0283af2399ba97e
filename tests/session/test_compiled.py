"""Reads are compiled once for equal ones, and are forgotten with the last of them."""

import gc
from uuid import uuid4
from weakref import ref

import pytest
from sqlalchemy import bindparam, literal

from auth.policy.grant_lists import GrantLists
from auth.session import Output, Select
from auth.session.compiled import compiled
from auth.viewer import Viewer
from db.requirements.requirements import Requirement

NAME = Requirement.__table__.c.name
ALIKE = {
    "columns": {"outputs": (Output("id"), Output("name", "upper"))},
    "parents": {"parents": "id"},
    "order": {"order": (NAME.asc(),)},
    "constant": {"where": (NAME == "A",)},
    "value": {"where": (bindparam("f0", type_=NAME.type) == NAME,)},
}
DIFFERENT = {
    "columns": {"outputs": (Output("id"), Output("name"))},
    "parents": {"parents": "block_id"},
    "order": {"order": (NAME.desc(),)},
    "constant": {"where": (NAME == "B",)},
    "value": {"where": (bindparam("f1", type_=NAME.type) == NAME,)},
    "locked": {"locked": True},
    "limited": {"limited": True},
    "counted": {"counted": True, "outputs": ()},
}


def read(**values):
    return Select(Requirement, **({"outputs": (Output("id"),)} | values))


@pytest.fixture
def grants():
    return GrantLists(Viewer(uuid4()))


@pytest.mark.parametrize("kind", ALIKE)
def test_equal_reads_are_compiled_once(grants, kind):
    one, other = read(**ALIKE[kind]), read(**ALIKE[kind])
    assert compiled(one, grants) is compiled(other, grants)


@pytest.mark.parametrize("kind", DIFFERENT)
def test_reads_that_differ_are_compiled_each(grants, kind):
    one, other = read(**ALIKE.get(kind, {})), read(**DIFFERENT[kind])
    assert compiled(one, grants) is not compiled(other, grants)
    assert compiled(read(), grants) is not compiled(other, grants)


def test_a_read_with_a_constant_that_cannot_be_compared_is_compiled_by_itself(grants):
    several = {"where": (literal([1], type_=Requirement.__table__.c.tags.type).is_not(None),)}
    one, other = read(**several), read(**several)
    assert compiled(one, grants) is not compiled(other, grants)


def test_a_compiled_read_ends_with_the_last_that_equals_it(grants):
    one, other = read(limited=True), read(limited=True)
    form, gone = compiled(one, grants), ref(one)
    assert compiled(other, grants) is form
    del one
    gc.collect()
    assert gone() is None
    assert compiled(other, grants) is form
    del other
    gc.collect()
    assert compiled(read(limited=True), grants) is not form
