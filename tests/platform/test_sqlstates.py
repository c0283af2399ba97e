"""Every SQLSTATE of PostgreSQL has one meaning, in every layer."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from auth.session.write.db_errors import refusal
from db.problem import CODES, Problem
from db.sqlstates import CONSTRAINTS, STATES, meaning
from graph.http.operation.errors import Reporter

ERRORS = {
    error.sqlstate: error
    for error in vars(asyncpg).values()
    if isinstance(error, type) and isinstance(getattr(error, "sqlstate", None), str)
}
"""Every SQLSTATE that has a name, with its exception."""


def test_every_class_of_states_has_an_answer():
    assert len(ERRORS) > 200
    assert {state[:2] for state in ERRORS} <= {state for state in STATES if len(state) == 2}
    assert {found[0] for found in STATES.values() if found} <= set(CODES)


def written(error):
    """Return the problem of a failed write, through the ORM's exception."""
    told = error("said")
    wrapped = Exception()
    wrapped.__cause__ = told
    return refusal(DBAPIError("INSERT", (), wrapped))


@pytest.mark.slow
@pytest.mark.parametrize("state", ERRORS)
def test_reads_and_writes_are_answered_alike(state):
    read, write = Reporter("a-request").of_exception(ERRORS[state]("said")), written(ERRORS[state])
    found = meaning(state)
    if found is None:
        assert read.code == "INTERNAL"
        assert not isinstance(write, Problem)
        return
    assert (write.code, write.message) == found
    if not state.startswith(CONSTRAINTS):  # read alone, these are a defect
        assert (read.code, read.message) == found


@pytest.mark.parametrize("state", ["25006", "55P03", "57P03", "53300", "08006", "28000", "58030"])
def test_what_passes_by_itself_may_be_tried_again(state):
    assert CODES[meaning(state)[0]].retryable
