"""Findings of scans: SARIF 2.1.0 (OASIS), and vulnerabilities of CycloneDX (ECMA-424) in JSON."""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from cyclonedx.model.bom import Bom
from cyclonedx.model.impact_analysis import ImpactAnalysisState
from sarif_pydantic import Sarif

from db.delivery.security import VulnerabilitySeverity
from db.problem import Problem
from graph.delivery.reports.report import MAX_FINDINGS, Finding

CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,40}")
SEVERITIES = {one.value: one for one in VulnerabilitySeverity}
LEVELS = {
    "error": VulnerabilitySeverity.HIGH,
    "warning": VulnerabilitySeverity.MEDIUM,
    "note": VulnerabilitySeverity.LOW,
}
"""The severity of a result of SARIF whose rule has no `security-severity`."""
HARMLESS = {
    ImpactAnalysisState.NOT_AFFECTED,
    ImpactAnalysisState.FALSE_POSITIVE,
    ImpactAnalysisState.RESOLVED,
    ImpactAnalysisState.RESOLVED_WITH_PEDIGREE,
}
"""Vulnerabilities that a CycloneDX file itself says do not affect the product."""
MAX_COMPONENT, MAX_TITLE, MAX_TEXT, MAX_VERSION = 255, 255, 10_000, 100
WEB = ("https://", "http://")


def read_sarif(name: str, content: bytes) -> list[Finding]:
    """Return the findings of a SARIF file. Raises INVALID with one sentence about the fault."""
    sent = _json(name, content, "SARIF")
    try:
        log = Sarif.model_validate(sent)
    except ValueError:
        raise _refused(name, "SARIF 2.1.0") from None
    return _bounded(name, (one for run in log.runs for one in _of_run(run)))


def read_cyclonedx(name: str, content: bytes) -> list[Finding]:
    """Return the vulnerabilities of a CycloneDX file. Raises INVALID as `read_sarif` does."""
    sent = _json(name, content, "CycloneDX")
    if sent.get("bomFormat") != "CycloneDX":
        raise _refused(name, "CycloneDX")
    try:
        bom = Bom.from_json(sent)  # type: ignore[attr-defined]
        return _bounded(name, _of_bom(bom))
    except Problem:
        raise
    except Exception:  # noqa: BLE001 (of whatever kind, the file is at fault)
        raise _refused(name, "CycloneDX") from None


def _json(name: str, content: bytes, format: str) -> dict[str, Any]:
    try:
        sent = json.loads(content)
    except (ValueError, RecursionError):
        raise _refused(name, format) from None
    if not isinstance(sent, dict):
        raise _refused(name, format)
    return sent


def _refused(name: str, format: str) -> Problem:
    return Problem("INVALID", f"The file is not {format} in JSON that can be read.", field=[name])


def _bounded(name: str, findings: Iterator[Finding]) -> list[Finding]:
    """Return the findings, each once. Raises INVALID when there are too many."""
    found: dict[object, Finding] = {}
    for one in findings:
        found.setdefault(one.key, one)
        if len(found) > MAX_FINDINGS:
            message = f"There are more than {MAX_FINDINGS:,} findings."
            raise Problem("INVALID", message, field=[name])
    return [*found.values()]


def _of_run(run: Any) -> Iterator[Finding]:
    driver = run.tool.driver
    rules = {rule.id: rule for rule in driver.rules or ()}
    for result in run.results or ():
        extra = result.model_extra or {}
        kind = getattr(result.kind, "value", result.kind)
        if kind not in (None, "fail") or extra.get("suppressions"):
            continue
        rule = rules.get(result.rule_id)
        text = (result.message.text or "").strip() or result.rule_id or "A finding"
        uri = _uri(result)
        prints = result.fingerprints or result.partial_fingerprints
        print_ = sorted(prints.items()) if prints else [uri, text]
        rule_id = result.rule_id or ""
        mark = sha256(json.dumps([driver.name, rule_id, print_]).encode()).hexdigest()
        score = _score((rule.properties or {}).get("security-severity") if rule else None)
        level = getattr(result.level, "value", result.level) or "warning"
        short = rule.short_description.text if rule and rule.short_description else None
        help_ = str(rule.help_uri or "") if rule else ""
        cve = rule_id if CVE.fullmatch(rule_id) and uri else None
        yield Finding(
            title=(short or text)[:MAX_TITLE].strip() or "A finding",
            severity=_by_score(score) or LEVELS.get(level, VulnerabilitySeverity.LOW),
            component=uri,
            cve_id=cve,
            external_id=None if cve else f"sarif:{rule_id[:200]}:{mark}",
            description=text[:MAX_TEXT],
            cvss_score=score,
            remediation_url=help_ if help_.startswith(WEB) and len(help_) <= MAX_TEXT else None,
        )


def _uri(result: Any) -> str | None:
    for location in result.locations or ():
        place = location.physical_location
        if place and place.artifact_location and place.artifact_location.uri:
            uri: str = place.artifact_location.uri
            return uri[:MAX_COMPONENT].strip() or None
    return None


def _of_bom(bom: Any) -> Iterator[Finding]:
    components = {one.bom_ref.value: one for one in _components(bom)}
    for one in bom.vulnerabilities:
        if one.analysis and one.analysis.state in HARMLESS:
            continue
        named = one.id or str(one.bom_ref.value or "")
        if not named.strip():
            continue
        score, severity = _rating(one)
        cve = named if CVE.fullmatch(named) else None
        advisory = next((str(each.url) for each in one.advisories), "")
        targets = [*one.affects] or [None]
        for target in targets:
            component = components.get(target.ref) if target else None
            called, version = _called(component, target)
            yield Finding(
                title=named[:MAX_TITLE],
                severity=severity,
                component=called,
                cve_id=cve if called else None,
                external_id=None if cve and called else f"{named[:200]}@{called or ''}"[:MAX_TEXT],
                description=(one.description or one.detail or named)[:MAX_TEXT],
                cvss_score=score,
                affected_version=version,
                remediation_url=advisory if advisory.startswith(WEB) else None,
            )


def _components(bom: Any) -> Iterator[Any]:
    """Yield the components of a file, those within others too."""
    waiting = [*bom.components, *filter(None, [bom.metadata.component if bom.metadata else None])]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += one.components


def _called(component: Any, target: Any) -> tuple[str | None, str | None]:
    """Return the name of a component without its version, and the version."""
    if component is None:
        return (str(target.ref)[:MAX_COMPONENT].strip() or None if target else None), None
    version = str(component.version)[:MAX_VERSION] if component.version else None
    if component.purl:
        purl = str(component.purl).partition("?")[0].partition("#")[0]
        return purl.rpartition("@")[0][:MAX_COMPONENT] or purl[:MAX_COMPONENT], version
    return "/".join(filter(None, (component.group, component.name)))[:MAX_COMPONENT], version


def _rating(vulnerability: Any) -> tuple[float | None, VulnerabilitySeverity]:
    """Return the highest score of a vulnerability, and its highest severity."""
    scores = [score for one in vulnerability.ratings if (score := _score(one.score)) is not None]
    score = max(scores, default=None)
    named = [
        SEVERITIES[one.severity.value]
        for one in vulnerability.ratings
        if one.severity and one.severity.value in SEVERITIES
    ]
    order = [*VulnerabilitySeverity]
    worst = max(named, key=order.index, default=None)
    return score, worst or _by_score(score) or VulnerabilitySeverity.MEDIUM


def _score(value: Any) -> float | None:
    """Return a CVSS score, if the value is one."""
    try:
        score = float(value)
    except (TypeError, ValueError):
        return None
    return score if 0 <= score <= 10 else None  # noqa: PLR2004 (the range of CVSS)


def _by_score(score: float | None) -> VulnerabilitySeverity | None:
    """Return the severity of a score, by the qualitative scale of CVSS 3.1, section 5."""
    if score is None:
        return None
    for least, severity in (
        (9.0, VulnerabilitySeverity.CRITICAL),
        (7.0, VulnerabilitySeverity.HIGH),
        (4.0, VulnerabilitySeverity.MEDIUM),
    ):
        if score >= least:
            return severity
    return VulnerabilitySeverity.LOW
