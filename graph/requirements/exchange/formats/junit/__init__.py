"""JUnit: the reader of test results, and their recording."""

from graph.requirements.exchange.model.format import Format

FORMAT = Format(
    "junit",
    "JUNIT",
    "Test results in JUnit XML, which are not exported. Name the format for `.xml`.",
    holds_results=True,
)
