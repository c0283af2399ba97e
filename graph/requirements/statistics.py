"""Statistics of requirements, tests, executions and links, beneath each place that has them."""

from db.requirements.collaboration import TraceLink
from db.requirements.documents import Document as DocumentRow
from db.requirements.requirements import Requirement
from db.requirements.testing import TestCase, TestExecution
from graph.core.organizations import Organization
from graph.core.projects import Project
from graph.kit.fields import extend_type
from graph.requirements.counting import Grouped, group_input, statistics
from graph.requirements.documents import Document
from graph.requirements.requirements import Requirement as RequirementType
from graph.requirements.requirements import RequirementFilterInput
from graph.requirements.sql.statistics import Dimension

REQUIREMENTS = {
    "STATUS": Grouped(Dimension("status"), "The status."),
    "PRIORITY": Grouped(Dimension("priority"), "The priority."),
    "LEVEL": Grouped(Dimension("level"), "The level."),
    "FORMAT": Grouped(Dimension("format"), "The notation."),
    "TAG": Grouped(Dimension("tags", "each"), "Each tag."),
    "PROPERTY": Grouped(
        Dimension("properties", "property"), "The value, or each of the values, of a property."
    ),
    "CREATED_DAY": Grouped(Dimension("created_at", "day"), "The day of the creation, in UTC."),
    "UPDATED_DAY": Grouped(Dimension("updated_at", "day"), "The day of the last change, in UTC."),
    "DOCUMENT": Grouped(Dimension("document_id"), "The document.", DocumentRow),
    "QUALITY_RULE": Grouped(
        Dimension("ai_analysis", "property"),
        "Each rule of quality that found something; null without findings.",
        key="rules",
    ),
    "QUALITY_SEVERITY": Grouped(
        Dimension("ai_analysis", "property"),
        "The highest severity of the findings; null without findings.",
        key="severity",
    ),
}

TEST_CASES = {
    "STATUS": Grouped(Dimension("status"), "The status."),
    "PRIORITY": Grouped(Dimension("priority"), "The priority."),
    "TYPE": Grouped(Dimension("test_type"), "The kind of the test."),
    "METHOD": Grouped(Dimension("method"), "The method of verification."),
    "CATEGORY": Grouped(Dimension("category", "each"), "Each category."),
    "IS_ACTIVE": Grouped(Dimension("is_active"), "Whether the test case is active."),
    "CREATED_DAY": Grouped(Dimension("created_at", "day"), "The day of the creation, in UTC."),
}
TEST_EXECUTIONS = {
    "STATUS": Grouped(Dimension("execution_status"), "The status, which is the result at the end."),
    "ENVIRONMENT": Grouped(Dimension("execution_environment"), "The environment."),
    "VERSION": Grouped(Dimension("execution_version"), "The version that was tested."),
    "EXECUTED_DAY": Grouped(Dimension("executed_at", "day"), "The day of the execution, in UTC."),
    "REQUIREMENT": Grouped(Dimension("requirement_id"), "The requirement.", Requirement),
}
TRACE_LINKS = {
    "TYPE": Grouped(Dimension("link_type"), "The type of the link."),
    "CREATED_DAY": Grouped(Dimension("created_at", "day"), "The day of the creation, in UTC."),
}

RequirementGroupInput = group_input("Requirement", REQUIREMENTS)

of_requirements = statistics(
    Requirement, RequirementGroupInput, REQUIREMENTS, RequirementFilterInput
)
of_test_cases = statistics(TestCase, group_input("TestCase", TEST_CASES), TEST_CASES)
of_executions = statistics(
    TestExecution, group_input("TestExecution", TEST_EXECUTIONS), TEST_EXECUTIONS
)
of_links = statistics(TraceLink, group_input("TraceLink", TRACE_LINKS), TRACE_LINKS)


def _in(counted: str, place: str) -> str:
    return f"The numbers of {counted} in the {place} that the viewer can read, in groups."


PLACES: tuple[tuple[type, str, str], ...] = (
    (Organization, "organization_id", "organization"),
    (Project, "project_id", "project"),
    (Document, "document_id", "document"),
)
for type_, key, place in PLACES:
    extend_type(type_, requirement_statistics=of_requirements(key, _in("requirements", place)))
    if type_ is not Document:
        extend_type(
            type_,
            test_case_statistics=of_test_cases(key, _in("test cases", place)),
            test_execution_statistics=of_executions(key, _in("executions of tests", place)),
            trace_link_statistics=of_links(key, _in("trace links", place)),
        )
extend_type(
    RequirementType,
    test_execution_statistics=of_executions(
        "requirement_id", "The numbers of executions of tests of the requirement, in groups."
    ),
)
