"""The priority of work in delivery."""

from enum import StrEnum


class DeliveryPriority(StrEnum):
    """The priority of a test or a defect, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
