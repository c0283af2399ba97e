"""The configuration of a test matrix: what it shows, which a view stores as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case

from db.problem import Problem
from db.requirements.requirements import RequirementLevel, RequirementPriority, RequirementStatus
from db.requirements.testing import TestMethod, TestPriority, TestStatus, TestType
from db.text import as_name, fault_in, too_long
from graph.kit.declared import class_of
from graph.kit.mutations import Place
from graph.kit.scalars import uuid_of

MAX_VALUES = 100
"""Values of one field of a configuration."""
MAX_VALUE_LENGTH = 500


@strawberry.enum(description="A gap in the verification of a requirement.")
class TestHole(Enum):
    __test__ = False

    UNCOVERED = strawberry.enum_value(
        "uncovered", description="No test case has an execution for the requirement."
    )
    NOT_RUN = strawberry.enum_value(
        "not_run",
        description="A test case has no result for the requirement: all of its executions are"
        " planned, in progress, skipped or blocked.",
    )
    FAILING = strawberry.enum_value(
        "failing", description="The latest result of a test case is FAIL or ERROR."
    )
    STALE = strawberry.enum_value(
        "stale",
        description="The content of the requirement was changed after the latest result of a test"
        " case.",
    )
    FLAKY = strawberry.enum_value(
        "flaky",
        description="A test case has both passed and failed with the same version of the product"
        " and the same content of the requirement.",
    )


@strawberry.enum(description="The fields by which a test matrix is grouped.")
class TestMatrixGrouping(Enum):
    __test__ = False

    REQUIREMENT_STATUS = strawberry.enum_value(
        "requirement.status", description="The status of the requirement."
    )
    REQUIREMENT_PRIORITY = strawberry.enum_value(
        "requirement.priority", description="The priority of the requirement."
    )
    REQUIREMENT_LEVEL = strawberry.enum_value(
        "requirement.level", description="The level of the requirement."
    )
    REQUIREMENT_FORMAT = strawberry.enum_value(
        "requirement.format", description="The format of the requirement."
    )
    TEST_TYPE = strawberry.enum_value("test.test_type", description="The kind of the test case.")
    TEST_PRIORITY = strawberry.enum_value(
        "test.priority", description="The priority of the test case."
    )
    TEST_STATUS = strawberry.enum_value("test.status", description="The status of the test case.")
    TEST_METHOD = strawberry.enum_value("test.method", description="The method of the test case.")
    EXECUTION_STATUS = strawberry.enum_value(
        "execution.status", description="The status of the latest execution."
    )


LISTS: Mapping[str, tuple[Any, str]] = {
    "document_ids": (UUID, "Show only requirements of these documents."),
    "requirement_statuses": (RequirementStatus, "Show only requirements with these statuses."),
    "requirement_priorities": (
        RequirementPriority,
        "Show only requirements with these priorities.",
    ),
    "requirement_levels": (RequirementLevel, "Show only requirements of these levels."),
    "requirement_tags": (str, "Show only requirements with at least one of these tags."),
    "test_types": (TestType, "Count only test cases of these kinds."),
    "test_priorities": (TestPriority, "Count only test cases with these priorities."),
    "test_statuses": (TestStatus, "Count only test cases with these statuses."),
    "test_methods": (TestMethod, "Count only test cases with these methods."),
    "test_categories": (str, "Count only test cases in at least one of these categories."),
    "execution_environments": (str, "Count only executions in these environments."),
    "execution_versions": (str, "Count only executions of these versions of the product."),
    "holes": (TestHole, "Show only requirements with at least one of these gaps."),
}
"""The lists of a configuration: the type of their values, and the description."""
GROUP_BY = "The field by which the counts are grouped."


@dataclass(frozen=True)
class Configuration:
    """A configuration: the values of each list, empty where it restricts nothing."""

    document_ids: tuple[UUID, ...] = ()
    requirement_statuses: tuple[RequirementStatus, ...] = ()
    requirement_priorities: tuple[RequirementPriority, ...] = ()
    requirement_levels: tuple[RequirementLevel, ...] = ()
    requirement_tags: tuple[str, ...] = ()
    test_types: tuple[TestType, ...] = ()
    test_priorities: tuple[TestPriority, ...] = ()
    test_statuses: tuple[TestStatus, ...] = ()
    test_methods: tuple[TestMethod, ...] = ()
    test_categories: tuple[str, ...] = ()
    execution_environments: tuple[str, ...] = ()
    execution_versions: tuple[str, ...] = ()
    holes: tuple[TestHole, ...] = ()
    group_by: TestMatrixGrouping | None = None


def _list_of(type_: Any) -> Any:
    return list[type_]


def _output() -> Any:
    members: dict[str, tuple[Any, Any]] = {
        name: (_list_of(type_), strawberry.field(description=text))
        for name, (type_, text) in LISTS.items()
    }
    members["group_by"] = (TestMatrixGrouping | None, strawberry.field(description=GROUP_BY))
    text = "The configuration of a test matrix. An empty list restricts nothing."
    return strawberry.type(class_of("TestMatrixConfiguration", members), description=text)


def _input() -> Any:
    members: dict[str, tuple[Any, Any]] = {
        name: (_list_of(type_) | None, strawberry.field(default=UNSET, description=text))
        for name, (type_, text) in LISTS.items()
    }
    grouping = strawberry.field(default=UNSET, description=GROUP_BY)
    members["group_by"] = (TestMatrixGrouping | None, grouping)
    text = f"The configuration of a test matrix. A list has at most {MAX_VALUES} values."
    return strawberry.input(class_of("TestMatrixConfigurationInput", members), description=text)


TestMatrixConfiguration: Any = _output()
TestMatrixConfigurationInput: Any = _input()


def configured(input: Any, place: Place) -> Configuration:
    """Return the configuration of an input. Raises INVALID with the path."""
    values: dict[str, Any] = {}
    for field in fields(input):
        value = getattr(input, field.name)
        if value is UNSET or value is None:
            continue
        at = (*place, to_camel_case(field.name))
        if isinstance(value, list):
            if len(value) > MAX_VALUES:
                raise Problem("INVALID", f"At most {MAX_VALUES} values.", field=at)
            value = tuple(dict.fromkeys(_value(one, (*at, n)) for n, one in enumerate(value)))
        values[field.name] = value
    return Configuration(**values)


def _value(value: Any, place: Place) -> Any:
    if not isinstance(value, str) or isinstance(value, Enum):
        return value
    if fault := fault_in(value) or too_long(value):
        raise Problem("INVALID", fault, field=place)
    try:
        name = as_name(value)
    except Problem as problem:
        raise Problem("INVALID", problem.message, field=place) from None
    if not 0 < len(name) <= MAX_VALUE_LENGTH:
        message = f"Must not be blank, and have at most {MAX_VALUE_LENGTH} characters."
        raise Problem("INVALID", message, field=place)
    return name


def as_stored(configuration: Configuration) -> dict[str, Any]:
    """Return a configuration as JSON, in the names of the API, without empty lists."""
    stored: dict[str, Any] = {}
    for field in fields(configuration):
        value = getattr(configuration, field.name)
        if value:
            many = isinstance(value, tuple)
            plain = [_plain(one) for one in value] if many else _plain(value)
            stored[to_camel_case(field.name)] = plain
    return stored


def _plain(value: Any) -> str:
    return value.name if isinstance(value, Enum) else str(value)


def of_stored(stored: Mapping[str, Any]) -> Configuration:
    """Return the configuration that JSON holds; what is not one of its values is left out."""
    values: dict[str, Any] = {}
    for name, (type_, _) in LISTS.items():
        found = stored.get(to_camel_case(name))
        if isinstance(found, list):
            read = (_read(type_, one) for one in found)
            values[name] = tuple(one for one in read if one is not None)
    group_by = _read(TestMatrixGrouping, stored.get("groupBy"))
    return Configuration(**values, group_by=group_by)


def _read(type_: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return None
    if type_ is str:
        return value
    if type_ is UUID:
        return uuid_of(value)
    return type_.__members__.get(value)


def shown(configuration: Configuration) -> Any:
    """Return a configuration as an object of the API."""
    lists = {name: list(getattr(configuration, name)) for name in LISTS}
    return TestMatrixConfiguration(**lists, group_by=configuration.group_by)
