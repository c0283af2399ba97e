"""The filter of requirements by what the analysis has found, served by an index."""

from collections.abc import Iterator, Sequence
from typing import Any

import strawberry

from db.problem import Problem
from graph.kit.filters import ConditionInput, operator
from graph.requirements.quality import enums  # noqa: F401 (describes the enumerations)
from graph.requirements.quality.analysis import key
from graph.requirements.quality.rules import SEVERITIES, QualityRule, QualitySeverity
from graph.requirements.sql.quality_findings import has_any_of, has_findings


@strawberry.input(description="Compares rules of quality.")
class QualityRuleFilterInput:
    in_: list[QualityRule] = strawberry.field(name="in", description="The rule is one of these.")


@strawberry.input(description="Compares severities of findings.")
class QualitySeverityFilterInput:
    at_least: QualitySeverity = strawberry.field(
        description="The severity is this one or a higher one."
    )


@strawberry.input(
    description="Selects requirements by their latest analysis. A requirement matches if one of its"
    " findings meets all conditions."
)
class QualityFilterInput(ConditionInput):
    rule: QualityRuleFilterInput | None = operator("Compares the rule of a finding.")
    severity: QualitySeverityFilterInput | None = operator("Compares the severity of a finding.")
    has_findings: bool | None = operator(
        "Whether the requirement has a finding. Requirements that have not been analyzed yet have"
        " none."
    )

    def conditions(self, model: Any, field: Sequence[str | int]) -> Iterator[Any]:
        """Yield the conditions. Raises INVALID with the path of the input, which is `field`."""
        rules, severities = list(QualityRule), list(SEVERITIES)
        if self.rule:
            if not self.rule.in_:
                message = "Must have at least one item."
                raise Problem("INVALID", message, field=(*field, "rule", "in"))
            rules = self.rule.in_
        if self.severity:
            severities = severities[SEVERITIES.index(self.severity.at_least) :]
        if self.rule or self.severity:
            keys = [key(rule, severity) for rule in rules for severity in severities]
            yield has_any_of(model, keys)
        if isinstance(self.has_findings, bool):
            some = has_findings(model)
            yield some if self.has_findings else ~some
