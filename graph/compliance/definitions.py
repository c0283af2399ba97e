"""Definitions of frameworks: the shape of their files, which the operator writes."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from db.problem import Problem

CATALOGUE = Path(__file__).parent / "catalogue"
"""The files of the frameworks that come with the gateway."""
MAX_REQUIREMENTS = 500
MAX_FILE_SIZE = 2_000_000
"""Bytes of a file, at most."""
Text = Annotated[str, Field(min_length=1, max_length=5_000)]
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^\S[^\n]*$")]
Terms = Annotated[list[Annotated[str, Field(min_length=2, max_length=100)]], Field(min_length=1)]


class Requirement(BaseModel):
    """A requirement of a framework.

    `weight` is its importance, from 1 to 5. `terms` are groups of words or phrases: a text that has
    one of each group says what is required, as far as rules can tell.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S+( \S+)*$")]
    title: Line
    text: Text
    guidance: Text | None = None
    category: Line | None = None
    weight: Annotated[int, Field(ge=1, le=5)] = 1
    terms: Annotated[list[Terms], Field(max_length=20)] = []


class Definition(BaseModel):
    """The requirements of a framework. Unknown members are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    requirements: Annotated[list[Requirement], Field(min_length=1, max_length=MAX_REQUIREMENTS)]

    @model_validator(mode="after")
    def _have_ids_of_their_own(self) -> "Definition":
        ids = [requirement.id for requirement in self.requirements]
        if len(set(ids)) < len(ids):
            raise ValueError("two requirements have the same id")
        return self


class FrameworkFile(BaseModel):
    """A file of a framework."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9_.-]{0,49}$")]
    name: Line
    description: Text | None = None
    definition: Definition


def read_framework(content: bytes) -> FrameworkFile:
    """Return a framework from the content of its file, JSON. Raises INVALID with all faults."""
    if len(content) > MAX_FILE_SIZE:
        raise Problem("INVALID", f"A framework has at most {MAX_FILE_SIZE:,} bytes.")
    try:
        return FrameworkFile.model_validate_json(content)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        message = f"This is no framework. {faults[0]}"
        raise Problem("INVALID", message, messages=faults[:20]) from None


def definition_of(stored: Any) -> Definition:
    """Return a definition as it was stored."""
    return Definition.model_validate(stored)


def words_of(text: str) -> list[str]:
    """Return the words of a text, in lower case."""
    return re.findall(r"[^\W_]+", text.lower())
