"""All validation rules as one visitor: graphql-core calls each rule for every kind of node."""

from collections.abc import Callable
from functools import cache
from typing import Any

from graphql import BREAK, SKIP, ASTValidationRule, Node, ValidationContext, specified_rules
from graphql.language.visitor import EnterLeaveVisitor
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

RULES = (*specified_rules, MaybeNullValidationRule)
"""The specification's rules, and the one that Strawberry's `Maybe` relies on."""

Call = Callable[..., Any]


@cache
def _methods(step: str, kind: str) -> tuple[tuple[int, str], ...]:
    """Return the rules with a method for this step (`enter`, `leave`), and that method.

    The methods are those that `Visitor.get_enter_leave_for_kind` finds.
    """
    named = f"{step}_{kind}"
    return tuple(
        (number, named if hasattr(rule, named) else step)
        for number, rule in enumerate(RULES)
        if hasattr(rule, named) or hasattr(rule, step)
    )


class EveryRule(ASTValidationRule):
    """Runs RULES, in their order, as `graphql.ParallelVisitor` would run them.

    A rule that skips a node is not called beneath it, and one that breaks is not called again. No
    rule edits a document.
    """

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._rules = [rule(context) for rule in RULES]
        self._skips = [False] * len(RULES)
        """By rule: true while it skips a node."""
        self._until: dict[int, list[int]] = {}
        """By the identity of a node that is being skipped: the rules that skip it."""

    def get_enter_leave_for_kind(self, kind: str) -> EnterLeaveVisitor:
        """Return the functions that graphql-core calls for a node of this kind."""
        found = self.enter_leave_map.get(kind)
        if found is None:
            enters, leaves = self._calls("enter", kind), self._calls("leave", kind)
            found = EnterLeaveVisitor(
                self._entering(enters) if enters else None,
                self._leaving(leaves) if enters or leaves else None,
            )
            self.enter_leave_map[kind] = found
        return found

    def _calls(self, step: str, kind: str) -> list[tuple[int, Call]]:
        return [
            (number, getattr(self._rules[number], name)) for number, name in _methods(step, kind)
        ]

    def _entering(self, calls: list[tuple[int, Call]]) -> Call:
        skips, until = self._skips, self._until

        def enter(node: Node, *args: Any) -> None:
            for number, call in calls:
                if skips[number] or (result := call(node, *args)) is None:
                    continue
                skips[number] = True
                if result is SKIP or result is False:
                    until.setdefault(id(node), []).append(number)

        return enter

    def _leaving(self, calls: list[tuple[int, Call]]) -> Call:
        skips, until = self._skips, self._until

        def leave(node: Node, *args: Any) -> None:
            for number, call in calls:
                if not skips[number]:
                    result = call(node, *args)
                    skips[number] = result is BREAK or result is True
            if until:
                for number in until.pop(id(node), ()):
                    skips[number] = False

        return leave
