"""The allowed changes of status of a workflow, as they are stored, and the standard ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auth.viewer import Role
from db.core.projects import ProjectRole
from db.requirements.requirements import RequirementStatus

ROLES = {
    ProjectRole.VIEWER: Role.VIEWER,
    ProjectRole.EDITOR: Role.EDITOR,
    ProjectRole.ADMIN: Role.ADMIN,
    ProjectRole.OWNER: Role.OWNER,
}


@dataclass(frozen=True)
class Transition:
    """One allowed change of status: the least role for it, and whether it needs an approval."""

    source: RequirementStatus
    target: RequirementStatus
    role: ProjectRole = ProjectRole.EDITOR
    approval: bool = False

    def stored(self) -> dict[str, Any]:
        """Return the transition as JSON."""
        return {
            "source": self.source.value,
            "target": self.target.value,
            "role": self.role.value,
            "approval": self.approval,
        }


def transitions_of(stored: Sequence[Any]) -> list[Transition]:
    """Return the transitions of a workflow; those that are no longer understood are left out."""
    found = []
    for one in stored:
        try:
            found.append(
                Transition(
                    RequirementStatus(one["source"]),
                    RequirementStatus(one["target"]),
                    ProjectRole(one["role"]),
                    bool(one["approval"]),
                )
            )
        except (KeyError, TypeError, ValueError):
            continue
    return found


def between(stored: Sequence[Any], source: object, target: object) -> Transition | None:
    """Return the transition between two statuses, if it is allowed."""
    wanted = (source, target)
    return next((one for one in transitions_of(stored) if (one.source, one.target) == wanted), None)


def _standard() -> tuple[Transition, ...]:
    s, admin = RequirementStatus, ProjectRole.ADMIN
    made = [
        Transition(s.DRAFT, s.IN_REVIEW),
        Transition(s.IN_REVIEW, s.DRAFT),
        Transition(s.IN_REVIEW, s.APPROVED, approval=True),
        Transition(s.IN_REVIEW, s.REJECTED),
        Transition(s.REJECTED, s.DRAFT),
        Transition(s.APPROVED, s.DRAFT),
        Transition(s.APPROVED, s.IN_PROGRESS, approval=True),
        Transition(s.IN_PROGRESS, s.APPROVED, approval=True),
        Transition(s.IN_PROGRESS, s.DRAFT),
        Transition(s.IN_PROGRESS, s.IMPLEMENTED, approval=True),
        Transition(s.IMPLEMENTED, s.IN_PROGRESS),
        Transition(s.IMPLEMENTED, s.VERIFIED, approval=True),
        Transition(s.VERIFIED, s.IMPLEMENTED),
        Transition(s.DEPRECATED, s.DRAFT, role=admin),
    ]
    retired = (one for one in RequirementStatus if one is not s.DEPRECATED)
    return (*made, *(Transition(one, s.DEPRECATED, role=admin) for one in retired))


STANDARD: tuple[Transition, ...] = _standard()
"""The transitions of a workflow unless others are given: nothing is implemented that is not
approved, and administrators alone retire requirements."""
STANDARD_STORED: list[Mapping[str, Any]] = [one.stored() for one in STANDARD]
