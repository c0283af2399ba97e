"""Analysis of one requirement by the rules of its project: findings, score, and their stored form.

Spans are in code points of the statement, from 0; the end is excluded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from graph.requirements.quality.rules import (
    MAX_TEXT_LENGTH,
    OF,
    RULES,
    SEVERITIES,
    QualityLanguage,
    QualityRule,
    QualitySeverity,
    Statement,
    ears_pattern,
)

MAX_FINDINGS = 50
"""Findings of one requirement that are stored, the first of each rule before others."""
MAX_EXCERPT = 100
"""Code points of the text of a finding."""
COST = {QualitySeverity.LOW: 3, QualitySeverity.MEDIUM: 10, QualitySeverity.HIGH: 25}
"""The points of 100 that a finding costs."""
ENABLED, SEVERITY, LANGUAGE, OVERRIDES = "isEnabled", "severity", "language", "rules"
"""The keys of the stored settings."""


@dataclass(frozen=True)
class Profile:
    """The rules that apply to the requirements of a project, with the severity of each."""

    language: QualityLanguage
    severities: Mapping[QualityRule, QualitySeverity]
    """Return the findings of the enabled rules."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Profile":
        """Return the profile of stored settings; what they do not name is as by default."""
        language = QualityLanguage(settings.get(LANGUAGE) or QualityLanguage.ENGLISH.value)
        named = settings.get(OVERRIDES) or {}
        severities: dict[QualityRule, QualitySeverity] = {}
        for rule in RULES:
            own = named.get(rule.rule.value) or {}
            if own.get(ENABLED, True) and (
                language is QualityLanguage.ENGLISH or not rule.is_english
            ):
                severities[rule.rule] = QualitySeverity(own.get(SEVERITY) or rule.severity.value)
        return cls(language, severities)


def statement_of(name: str, description: str | None, format: str, level: str) -> Statement:
    """Return the statement of a requirement: its description, or its name if it has none."""
    return Statement((text_of(name, description))[:MAX_TEXT_LENGTH], format, level)


def text_of(name: str, description: str | None) -> str:
    """Return the text that is analyzed."""
    return description if description and not description.isspace() else name


def analyze(
    statement: Statement,
    profile: Profile,
    duplicates: Sequence[tuple[str, float]] = (),
    now: datetime | None = None,
) -> dict[str, Any]:
    """Return the analysis of a statement, as it is stored.

    `duplicates` are the IDs of the others with almost the same text, and how similar each is.
    """
    findings: list[dict[str, Any]] = []
    for rule in RULES:
        severity = profile.severities.get(rule.rule)
        if severity is None:
            continue
        if rule.find is not None:
            findings += (
                _finding(rule.rule, severity, statement, start, end)
                for (start, end), _ in zip(rule.find(statement), range(MAX_FINDINGS), strict=False)
            )
        elif duplicates:
            finding = _finding(rule.rule, severity, statement, 0, len(statement.text))
            finding["duplicates"] = [
                {"id": id, "similarity": round(similarity, 3)} for id, similarity in duplicates
            ]
            findings.append(finding)
    return _stored(statement, profile, findings, now or datetime.now(UTC))


def _finding(
    rule: QualityRule, severity: QualitySeverity, statement: Statement, start: int, end: int
) -> dict[str, Any]:
    return {
        "rule": rule.value,
        "severity": severity.value,
        "start": start,
        "end": end,
        "text": statement.text[start : min(end, start + MAX_EXCERPT)],
    }


def _stored(
    statement: Statement, profile: Profile, findings: Sequence[dict[str, Any]], now: datetime
) -> dict[str, Any]:
    kept = sorted(_fewest(findings), key=lambda one: (one["start"], one["end"]))
    found = [rule.rule.value for rule in RULES if rule.rule.value in {f["rule"] for f in findings}]
    highest = max((_place(finding) for finding in findings), default=None)
    english = profile.language is QualityLanguage.ENGLISH
    pattern = ears_pattern(statement.text) if english and statement.is_sentence else None
    lost = sum(COST[QualitySeverity(finding["severity"])] for finding in findings)
    return {
        "analyzedAt": now.isoformat(timespec="milliseconds"),
        "score": max(0, 100 - lost),
        "severity": None if highest is None else SEVERITIES[highest].value,
        "rules": found,
        "earsPattern": pattern.value if pattern else None,
        "findings": kept,
        "isTruncated": len(kept) < len(findings) or len(statement.text) == MAX_TEXT_LENGTH,
    }


def _fewest(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return at most `MAX_FINDINGS`, the first of each rule before second ones."""
    seen: dict[str, int] = {}
    ranked = []
    for finding in findings:
        number = seen[finding["rule"]] = seen.get(finding["rule"], 0) + 1
        ranked.append((number, finding))
    ranked.sort(key=lambda one: one[0])
    return [finding for _, finding in ranked[:MAX_FINDINGS]]


def _place(finding: Mapping[str, Any]) -> int:
    return SEVERITIES.index(QualitySeverity(finding["severity"]))


def keys_of(analysis: Mapping[str, Any], profile: Profile) -> list[str]:
    """Return the keys by which a requirement with this analysis is found: rule and severity."""
    return [key_of(OF[QualityRule(name)].rule, profile) for name in analysis.get("rules", ())]


def key_of(rule: QualityRule, profile: Profile) -> str:
    """Return the key of a finding of an enabled rule."""
    return key(rule, profile.severities[rule])


def key(rule: QualityRule, severity: QualitySeverity) -> str:
    """Return the key of findings of a rule with a severity."""
    return f"{rule.value} {severity.value}"
