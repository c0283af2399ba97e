"""The objects within rows of delivery: stories, criteria, notes and checks."""

import strawberry

from graph.kit.fields import described
from graph.kit.json_items import CHECK, text_field, url_field

MAX_ITEMS = 200
MAX_LENGTH = 10_000
"""Characters of a text of an item."""

STORY = "The story, such as: As a driver, I want to stop, so that I arrive."
CRITERION = "What must hold."
MET = "Whether it holds."
NOTE = "The note."
CHECKED = "The name of the check."
PASSED = "Whether the check passed."
DETAIL = "What the check has found."
URL = "The http or https URL."


def bool_field(text: str) -> bool:
    """Declare a truth value of an item, which is required."""
    return strawberry.field(description=text, metadata={CHECK: bool})  # type: ignore[no-any-return]


@strawberry.type(description="A user story of a requirement.")
class UserStory:
    text: str = described(STORY)


@strawberry.input(description="A user story of a requirement.")
class UserStoryInput:
    text: str = text_field(STORY, longest=MAX_LENGTH, lines=True, required=True)


@strawberry.type(description="A criterion by which a requirement is accepted.")
class AcceptanceCriterion:
    text: str = described(CRITERION)
    met: bool = described(MET)


@strawberry.input(description="A criterion by which a requirement is accepted.")
class AcceptanceCriterionInput:
    text: str = text_field(CRITERION, longest=MAX_LENGTH, lines=True, required=True)
    met: bool = bool_field(MET)


@strawberry.type(description="A note about the implementation of a feature.")
class ImplementationNote:
    text: str = described(NOTE)


@strawberry.input(description="A note about the implementation of a feature.")
class ImplementationNoteInput:
    text: str = text_field(NOTE, longest=MAX_LENGTH, lines=True, required=True)


@strawberry.type(description="A check before or after a deployment.")
class DeploymentCheck:
    name: str = described(CHECKED)
    passed: bool = described(PASSED)
    detail: str | None = described(DETAIL)


@strawberry.input(description="A check before or after a deployment.")
class DeploymentCheckInput:
    name: str = text_field(CHECKED, required=True)
    passed: bool = bool_field(PASSED)
    detail: str | None = text_field(DETAIL, longest=MAX_LENGTH, lines=True)


@strawberry.type(description="An endpoint that was tested after a deployment.")
class TestedEndpoint:
    __test__ = False

    url: str = described(URL)
    passed: bool = described(PASSED)


@strawberry.input(description="An endpoint that was tested after a deployment.")
class TestedEndpointInput:
    __test__ = False

    url: str = url_field(URL)
    passed: bool = bool_field(PASSED)
