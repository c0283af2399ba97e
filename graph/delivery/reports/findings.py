"""The findings of a scan as vulnerabilities of the project, each once however often it is found."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from auth.session import Transaction
from db.core.projects import Project
from db.delivery.security import Vulnerability, VulnerabilitySeverity, VulnerabilityStatus
from graph.delivery.reports.report import Finding
from graph.delivery.sql.reports import vulnerabilities_named

SETTLED = frozenset({VulnerabilityStatus.FALSE_POSITIVE, VulnerabilityStatus.ACCEPTED_RISK})
"""The statuses in which a vulnerability does not count against a build."""
BATCH = 500
"""Vulnerabilities that one statement creates or changes."""


@dataclass
class Counts:
    """The number of vulnerabilities that a scan created, found again, and reopened.

    `by_severity` are those that count against the build.
    """

    created: int = 0
    known: int = 0
    reopened: int = 0
    by_severity: Counter[VulnerabilitySeverity] = field(default_factory=Counter)


async def record(transaction: Transaction, project: Project, findings: Sequence[Finding]) -> Counts:
    """Create the vulnerabilities that are new, and update the others.

    One that was remediated is open again; a false positive or accepted risk stays what it is.
    """
    found = await vulnerabilities_named(
        transaction,
        project.id,
        {one.external_id for one in findings if one.external_id},
        {one.component for one in findings if one.component},
        {one.cve_id for one in findings if one.cve_id},
    )
    known = {key: row for row in found for key in _keys(row)}
    counts = Counts()
    for place, one in enumerate(findings, start=1):
        row = known.get(one.key)
        if row is None:
            row = Vulnerability(
                organization_id=project.organization_id, project_id=project.id, **_values(one)
            )
            transaction.add(row)
            counts.created += 1
        else:
            counts.known += 1
            values = {name: value for name, value in _values(one).items() if value is not None}
            if row.status == VulnerabilityStatus.REMEDIATED:
                values["status"] = VulnerabilityStatus.OPEN
                counts.reopened += 1
            transaction.change(row, None, **values)
        if row.status not in SETTLED:
            counts.by_severity[one.severity] += 1
        if place % BATCH == 0:
            await transaction.flush()
    return counts


def _keys(row: Vulnerability) -> list[tuple[str | None, str | None]]:
    return [(row.component, row.cve_id), (None, row.external_id)]


def _values(one: Finding) -> dict[str, Any]:
    return {
        "title": one.title,
        "severity": one.severity,
        "component": one.component,
        "cve_id": one.cve_id,
        "external_id": one.external_id,
        "description": one.description,
        "cvss_score": one.cvss_score,
        "affected_version": one.affected_version,
        "fixed_version": one.fixed_version,
        "remediation_url": one.remediation_url,
    }
