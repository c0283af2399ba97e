"""The permitted changes of status: one table for each entity that has a status."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from db.base import Entity
from db.delivery.builds import Build, BuildStatus
from db.delivery.defects import Defect, DefectStatus
from db.delivery.deployments import Deployment, DeploymentStatus
from db.delivery.features import Feature, ImplementationStatus
from db.delivery.security import Vulnerability, VulnerabilityStatus

Table = Mapping[StrEnum, tuple[StrEnum, ...]]


@dataclass(frozen=True)
class Steps:
    """The statuses that may follow each status of an entity; `initial` is that of a new one.

    A new object with another status makes the step from `initial` to it, unless it is
    `created_in_any`. `proposed` are further steps of a defect whose test has passed since.
    """

    model: type[Entity]
    column: str
    initial: StrEnum
    table: Table
    created_in_any: bool = False
    proposed: Table = field(default_factory=dict)

    def after(self, status: object, *, proposed: bool = False) -> list[Any]:
        """Return the statuses that may follow this one."""
        at = type(self.initial)(str(status))
        more = self.proposed.get(at, ()) if proposed else ()
        return [*self.table[at], *more]

    def described(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return the descriptions of the statuses, each with those that may follow it."""
        return {one.name: f"{texts[one.name]} {self._next(one)}" for one in self.table}

    def _next(self, status: StrEnum) -> str:
        names = [f"`{one.name}`" for one in self.table[status]]
        return f"Can be followed by {_either(names)}." if names else "It is final."


def _either(names: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _feature() -> Steps:
    s = ImplementationStatus
    table: Table = {
        s.NOT_STARTED: (s.IN_PROGRESS, s.BLOCKED),
        s.IN_PROGRESS: (s.COMPLETED, s.BLOCKED, s.NOT_STARTED),
        s.COMPLETED: (s.IN_PROGRESS,),
        s.BLOCKED: (s.NOT_STARTED, s.IN_PROGRESS),
    }
    return Steps(Feature, "implementation_status", s.NOT_STARTED, table)


def _build() -> Steps:
    s = BuildStatus
    table: Table = {
        s.PENDING: (s.BUILDING, s.CANCELLED),
        s.BUILDING: (s.SUCCESS, s.FAILED, s.CANCELLED),
        s.SUCCESS: (),
        s.FAILED: (),
        s.CANCELLED: (),
    }
    return Steps(Build, "status", s.PENDING, table, created_in_any=True)


def _deployment() -> Steps:
    s = DeploymentStatus
    table: Table = {
        s.PENDING: (s.DEPLOYING, s.FAILED),
        s.DEPLOYING: (s.SUCCESS, s.FAILED, s.ROLLED_BACK),
        s.SUCCESS: (s.ROLLED_BACK,),
        s.FAILED: (s.ROLLED_BACK,),
        s.ROLLED_BACK: (),
    }
    return Steps(Deployment, "status", s.PENDING, table)


def _defect() -> Steps:
    s = DefectStatus
    table: Table = {
        s.OPEN: (s.ASSIGNED, s.WONT_FIX),
        s.ASSIGNED: (s.IN_PROGRESS, s.OPEN, s.WONT_FIX),
        s.IN_PROGRESS: (s.RESOLVED, s.ASSIGNED, s.WONT_FIX),
        s.RESOLVED: (s.VERIFIED, s.OPEN, s.ASSIGNED),
        s.VERIFIED: (s.CLOSED, s.OPEN),
        s.CLOSED: (s.OPEN,),
        s.WONT_FIX: (s.OPEN,),
    }
    proposed: Table = {s.OPEN: (s.RESOLVED,), s.ASSIGNED: (s.RESOLVED,)}
    return Steps(Defect, "status", s.OPEN, table, proposed=proposed)


def _vulnerability() -> Steps:
    s = VulnerabilityStatus
    table: Table = {
        s.OPEN: (s.ACKNOWLEDGED, s.REMEDIATED, s.FALSE_POSITIVE, s.ACCEPTED_RISK),
        s.ACKNOWLEDGED: (s.OPEN, s.REMEDIATED, s.FALSE_POSITIVE, s.ACCEPTED_RISK),
        s.REMEDIATED: (s.OPEN,),
        s.FALSE_POSITIVE: (s.OPEN,),
        s.ACCEPTED_RISK: (s.OPEN, s.ACKNOWLEDGED, s.REMEDIATED),
    }
    return Steps(Vulnerability, "status", s.OPEN, table)


FEATURE, BUILD, DEPLOYMENT = _feature(), _build(), _deployment()
DEFECT, VULNERABILITY = _defect(), _vulnerability()
ALL = (FEATURE, BUILD, DEPLOYMENT, DEFECT, VULNERABILITY)
