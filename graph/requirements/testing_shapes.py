"""The objects within tests and executions: steps, files that are elsewhere, and defects."""

import strawberry

from graph.kit.fields import described
from graph.kit.json_items import number_field, text_field, url_field
from graph.kit.scalars import BigInt

MAX_STEPS, MAX_FILES, MAX_DEFECTS = 200, 50, 50
MAX_STEP_LENGTH = 10_000
"""Characters of an action, or of what is expected of it."""

ACTION = "The action to perform."
EXPECTED = "The expected result of the action."
NAME = "The name of the file."
URL = "The http or https URL of the file."
MEDIA_TYPE = "The media type of the file, such as `image/png`."
SIZE = "The size of the file, in bytes."
KEY = "The key of the defect in its tracker, such as `BUG-12`."
TITLE = "The title of the defect."
DEFECT_URL = "The http or https URL of the defect."
SEVERITY = "The severity of the defect, in the terms of its tracker."


@strawberry.type(description="A step of a test case.")
class TestStep:
    __test__ = False

    action: str = described(ACTION)
    expected: str | None = described(EXPECTED)


@strawberry.input(description="A step of a test case.")
class TestStepInput:
    __test__ = False

    action: str = text_field(ACTION, longest=MAX_STEP_LENGTH, lines=True, required=True)
    expected: str | None = text_field(EXPECTED, longest=MAX_STEP_LENGTH, lines=True)


@strawberry.type(description="A link to a file that is stored elsewhere.")
class FileLink:
    name: str = described(NAME)
    url: str = described(URL)
    type: str | None = described(MEDIA_TYPE)
    size: BigInt | None = described(SIZE)


@strawberry.input(description="A link to a file that is stored elsewhere.")
class FileLinkInput:
    name: str = text_field(NAME, required=True)
    url: str = url_field(URL)
    type: str | None = text_field(MEDIA_TYPE, longest=100)
    size: BigInt | None = number_field(SIZE)


@strawberry.type(description="A defect that an execution has found.")
class DefectLink:
    key: str = described(KEY)
    title: str | None = described(TITLE)
    url: str | None = described(DEFECT_URL)
    severity: str | None = described(SEVERITY)


@strawberry.input(description="A defect that an execution has found.")
class DefectLinkInput:
    key: str = text_field(KEY, longest=100, required=True)
    title: str | None = text_field(TITLE)
    url: str | None = url_field(DEFECT_URL, required=False)
    severity: str | None = text_field(SEVERITY, longest=100)
