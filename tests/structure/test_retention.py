"""Every table has a retention, or a reason to have none."""

from itertools import chain

import db.tables  # noqa: F401 (all models)
from db.base import Base, Entity
from db.retention import LASTING, RETENTIONS

TABLES = Base.metadata.tables
TIMED = {one.table for one in RETENTIONS}
REASONED = [*chain.from_iterable(LASTING.values())]


def test_a_table_has_a_retention_or_a_reason_or_is_an_entity_with_a_trash():
    entities = {
        mapper.class_.__tablename__
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, Entity) and mapper.local_table.metadata is Base.metadata
    }
    assert all("deleted_at" in TABLES[name].c for name in entities)
    assert {*TABLES} - TIMED - entities == {*REASONED}, "db/retention.py: RETENTIONS or LASTING"
    assert len(REASONED) == len({*REASONED})


def test_a_retention_goes_by_a_time_of_its_table():
    for one in RETENTIONS:
        assert TABLES[one.table].c[one.column].type.python_type.__name__ == "datetime", one
    assert len(TIMED) == len(RETENTIONS)
