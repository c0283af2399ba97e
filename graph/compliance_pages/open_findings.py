"""The plot of open findings by severity over time."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from graph.kit.plots import Plot, Series

DAYS = 30
"""Days of the plot."""
SEVERITIES = ("critical", "high", "medium", "low")


def plot_of(title: str, assessments: Sequence[Mapping[str, Any]], last: date) -> Plot:
    """Return the open findings of each of the days until `last`, in UTC.

    Those of a day are of the newest assessment of each document against the same frameworks that
    was completed until its end.
    """
    days = [last - timedelta(days=before) for before in reversed(range(DAYS))]
    completed = sorted(((_day(each), each) for each in assessments), key=lambda one: one[0])
    newest: dict[Any, Mapping[str, int]] = {}
    counts: dict[str, list[int]] = {severity: [] for severity in SEVERITIES}
    at = 0
    for day in days:
        while at < len(completed) and completed[at][0].date() <= day:
            newest[_subject(completed[at][1])] = completed[at][1]["severityCounts"]
            at += 1
        for severity, values in counts.items():
            values.append(sum(each.get(severity, 0) for each in newest.values()))
    series = [Series(severity.title(), values) for severity, values in counts.items()]
    return Plot(title, [day.isoformat() for day in days], series)


def _day(assessment: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(assessment["completedAt"])


def _subject(assessment: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    frameworks = frozenset(link["frameworkId"] for link in assessment["frameworks"]["nodes"])
    return assessment["complianceDocumentId"], frameworks
