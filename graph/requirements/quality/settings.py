"""The settings of a project for quality: the language, and the rules that apply."""

from typing import Any

import strawberry
from strawberry import UNSET

from db.core import projects as db
from db.problem import Problem
from graph.core.projects import Project
from graph.kit.context import Info
from graph.kit.fields import Id, computed, described, extend_type
from graph.kit.mutations import (
    ExpectedVersion,
    Input,
    mutation,
    writing,
)
from graph.kit.payloads import answer, payload_of
from graph.requirements.quality import enums  # noqa: F401 (describes the enumerations)
from graph.requirements.quality.analysis import (
    ENABLED,
    LANGUAGE,
    OVERRIDES,
    SEVERITY,
    Profile,
)
from graph.requirements.quality.job import FORGET
from graph.requirements.quality.rules import (
    RULES,
    QualityLanguage,
    QualityRule,
    QualitySeverity,
)


@strawberry.type(description="A rule of quality, as a project applies it.")
class ProjectQualityRule:
    rule: QualityRule = described("The rule.")
    is_enabled: bool = described("Whether the rule applies to the requirements of the project.")
    severity: QualitySeverity = described("The severity of its findings.")
    default_severity: QualitySeverity = described("The severity by default.")
    reason: str = described("The reason why the wording is weak.")
    example: str = described("A text in which the rule finds something.")
    source: str = described("The guide from which the rule is taken.")


@strawberry.type(description="The settings of a project for the quality of its requirements.")
class ProjectQuality:
    language: QualityLanguage = described("The language of the requirements.")
    rules: list[ProjectQualityRule] = strawberry.field(
        description="All rules.", metadata={"largest_page": len(RULES)}
    )


@strawberry.input(description="The setting of one rule in a project.")
class QualityRuleSettingInput:
    rule: QualityRule = strawberry.field(description="The rule.")
    is_enabled: bool = strawberry.field(
        default=True, description="Whether the rule applies to the requirements of the project."
    )
    severity: QualitySeverity | None = strawberry.field(
        default=None, description="The severity of its findings. The default is that of the rule."
    )


@strawberry.input(description="The settings for quality to change.")
class ProjectQualityInput:
    language: QualityLanguage | None = strawberry.field(
        default=UNSET, description="The language of the requirements."
    )
    rules: list[QualityRuleSettingInput] | None = strawberry.field(
        default=UNSET, description="The rules to change; others stay as they are."
    )


@computed(
    "quality_settings",
    text="The rules for the quality of the requirements of the project.",
)
def _quality(root: strawberry.Parent[Any]) -> ProjectQuality:
    stored = root.quality_settings
    profile = Profile.of(stored)
    named = stored.get(OVERRIDES) or {}
    return ProjectQuality(
        language=profile.language,
        rules=[
            ProjectQualityRule(
                rule=rule.rule,
                is_enabled=rule.rule in profile.severities,
                severity=QualitySeverity(
                    (named.get(rule.rule.value) or {}).get(SEVERITY) or rule.severity.value
                ),
                default_severity=rule.severity,
                reason=rule.reason,
                example=rule.example,
                source=rule.source,
            )
            for rule in RULES
        ],
    )


async def project_quality_update(
    info: Info, id: Id, expected_version: ExpectedVersion, input: Input[ProjectQualityInput]
) -> Any:
    changed = _changed(input)
    async with writing(info) as transaction:
        project = await transaction.find(db.Project, id)
        before = project.quality_settings
        rules = (before.get(OVERRIDES) or {}) | changed.pop(OVERRIDES, {})
        settings = before | changed | ({OVERRIDES: rules} if rules else {})
        values = {"quality_settings": settings}
        await transaction.edits.update(project, expected_version, values)
        if settings != before:
            payload = {"projectId": str(project.id)}
            await FORGET.enqueue(transaction, project.organization_id, payload)
    versions = transaction.edits.merged.get(project.id, ())
    return answer(payload_of(Project, merges=True), project, versions)


def _changed(input: ProjectQualityInput) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if input.language:
        changed[LANGUAGE] = input.language.value
    rules: dict[str, Any] = {}
    for place, one in enumerate(input.rules or ()):
        if one.rule.value in rules:
            message = "This rule is given twice."
            raise Problem("INVALID", message, field=["input", "rules", place, "rule"])
        severity = one.severity.value if one.severity else None
        rules[one.rule.value] = {ENABLED: one.is_enabled, SEVERITY: severity}
    return changed | ({OVERRIDES: rules} if rules else {})


extend_type(Project, quality=_quality)


@strawberry.type
class Mutation:
    project_quality_update = mutation(
        project_quality_update,
        payload_of(Project, merges=True),
        "Update the settings of a project for the quality of its requirements. They are analyzed"
        " again in the background.",
    )
