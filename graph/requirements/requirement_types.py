"""The enumerations of requirements, as the API names them."""

from db.requirements.requirements import (
    RequirementFormat,
    RequirementLevel,
    RequirementPriority,
    RequirementStatus,
)
from graph.kit.enums import describe_enum

describe_enum(
    RequirementStatus,
    "The lifecycle status of a requirement.",
    {
        "DRAFT": "The requirement is being written.",
        "IN_REVIEW": "The requirement is being reviewed.",
        "APPROVED": "The requirement is approved for implementation.",
        "REJECTED": "The requirement was reviewed and rejected.",
        "IN_PROGRESS": "The requirement is being implemented.",
        "IMPLEMENTED": "The requirement is implemented.",
        "VERIFIED": "The implementation is verified against the requirement.",
        "DEPRECATED": "The requirement no longer applies.",
    },
)
describe_enum(
    RequirementFormat,
    "The notation in which a requirement is written.",
    {
        "NATURAL_LANGUAGE": "Free text.",
        "STRUCTURED": "Text that follows a template.",
        "FORMAL": "A formal specification language.",
        "EARS": "The Easy Approach to Requirements Syntax (EARS).",
        "GHERKIN": "Gherkin scenarios: given, when, then.",
    },
)
describe_enum(
    RequirementPriority,
    "The priority of a requirement, from lowest to highest.",
    {
        "LOW": "Low priority.",
        "MEDIUM": "Medium priority.",
        "HIGH": "High priority.",
        "CRITICAL": "Critical priority.",
        "BLOCKER": "Blocks a release until it is fulfilled.",
    },
)
describe_enum(
    RequirementLevel,
    "The level of the product to which a requirement applies, from widest to narrowest.",
    {
        "BUSINESS": "The needs of the business.",
        "SYSTEM": "The system as a whole.",
        "SUBSYSTEM": "A subsystem.",
        "COMPONENT": "A component of a subsystem.",
        "FEATURE": "A feature.",
        "USER_STORY": "A user story.",
    },
)

__all__ = ["RequirementFormat", "RequirementLevel", "RequirementPriority", "RequirementStatus"]
