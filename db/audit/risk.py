"""The risk of events: rules, as data, by which the columns of an assessment are filled.

An event is assessed when it is recorded, for recorded events never change. Its risk level is the
highest of its severity and of the levels of its threat indicators.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from db.change import AuditEventType, AuditSeverity

CATEGORIES = {
    "C1": "confidentiality",
    "CC6": "access_control",
    "CC7": "system_operations",
    "CC8": "change_management",
    "PI1": "processing_integrity",
}
"""The compliance category of each series of the SOC 2 controls (AICPA TSC 2017)."""

CONTROLS = {
    "CC6.1": "Sign-in, credentials, and refused requests.",
    "CC6.2": "Registration of users, and the end of their accounts.",
    "CC6.3": "Roles, memberships, invitations, applications and keys: given, changed and taken.",
    "CC6.7": "Exports and large reads of data.",
    "CC7.2": "Verification of the audit log, and alerts.",
    "CC8.1": "Changes of the system.",
    "C1.2": "Deletion and purging of data.",
    "PI1.3": "Creation and change of data, with the values before and after.",
}
"""The controls of SOC 2 that events are evidence for, and what they are about."""

MANY_REFUSALS = 10
"""Refusals within a minute, at least, that are an indicator."""
LARGE_EXPORT = 10_000
"""Rows that one operation reads, at least, for an indicator."""
MASS_DELETION = 100
"""Rows that one request deletes, at least, for an indicator."""
RANKS = ("billing", "member", "viewer", "editor", "admin", "owner")
"""The roles, lowest first."""
ROLE_COLUMNS = ("role", "admin_role", "project_role", "document_role")
FOUNDING = "founding"
"""The detail of the event by which who creates an organization becomes its owner."""

Recorded = Mapping[str, Any]
"""The columns of an event."""


class Indicator(NamedTuple):
    """A threat indicator: its name, the event type it is for, its level, and its condition."""

    name: str
    type: AuditEventType
    level: AuditSeverity
    holds: Callable[[Recorded], bool]


def _counts(key: str, least: int) -> Callable[[Recorded], bool]:
    """Return the condition that a number in the details is at least this."""

    def holds(event: Recorded) -> bool:
        value = (event.get("details") or {}).get(key)
        return isinstance(value, int) and value >= least

    return holds


def _tells(key: str) -> Callable[[Recorded], bool]:
    """Return the condition that the details have something under a key."""

    def holds(event: Recorded) -> bool:
        return bool((event.get("details") or {}).get(key))

    return holds


def _raises_rights(event: Recorded) -> bool:
    """Return whether a role of at least ADMIN is given to somebody who had a lower one.

    The role of who creates an organization is not given by anybody.
    """
    if event.get("action") not in ("create", "update", "restore"):
        return False
    if (event.get("details") or {}).get(FOUNDING):
        return False
    old, new = event.get("old_data") or {}, event.get("new_data") or {}
    return any(
        _rank(new[key]) >= RANKS.index("admin") and _rank(new[key]) > _rank(old.get(key))
        for key in ROLE_COLUMNS
        if new.get(key)
    )


def _rank(role: object) -> int:
    return RANKS.index(role) if isinstance(role, str) and role in RANKS else -1


_HIGH, _MEDIUM = AuditSeverity.HIGH, AuditSeverity.MEDIUM
INDICATORS = (
    Indicator("rights_raised", AuditEventType.PERMISSION_CHANGE, _HIGH, _raises_rights),
    Indicator("many_refusals", AuditEventType.ACCESS_DENIED, _HIGH, _counts("more", MANY_REFUSALS)),
    Indicator("large_export", AuditEventType.EXPORT, _HIGH, _counts("rows", LARGE_EXPORT)),
    Indicator("mass_deletion", AuditEventType.DELETE, _HIGH, _counts("deleted", MASS_DELETION)),
    Indicator("chain_broken", AuditEventType.SYSTEM, AuditSeverity.CRITICAL, _tells("fault")),
    Indicator("unknown_browser", AuditEventType.LOGIN, _MEDIUM, _tells("unknown_browser")),
    Indicator("new_network", AuditEventType.LOGIN, _MEDIUM, _tells("new_network")),
)
_BY_TYPE: dict[str, tuple[Indicator, ...]] = {
    type_.value: tuple(one for one in INDICATORS if one.type is type_) for type_ in AuditEventType
}
_LEVELS = [severity.value for severity in AuditSeverity]
_LEVEL_OF = {one.name: one.level.value for one in INDICATORS}


def assess(event: Recorded) -> dict[str, Any]:
    """Return the columns of the assessment of an event."""
    control = str(event["soc2_control"] or "").partition(".")[0]
    found = [one.name for one in _BY_TYPE[event["event_type"]] if one.holds(event)]
    level = event["severity"]
    if found:
        level = max([level, *(_LEVEL_OF[name] for name in found)], key=_LEVELS.index)
    return {
        "compliance_category": CATEGORIES.get(control),
        "risk_level": level,
        "threat_indicators": found,
    }
