"""The declaration of a format: how it is named, and how its files are recognized."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Format:
    """A format of files.

    `key` names it in options, jobs and stored files, `member` in the API, with its description.
    `endings` are those of its files in lower case, each with its media type. `has_dialect` is
    whether it takes a delimiter and an encoding, and `holds_results` whether its files have test
    results in place of requirements.
    """

    key: str
    member: str
    description: str
    endings: Mapping[str, str] = field(default_factory=dict)
    has_dialect: bool = False
    holds_results: bool = False
