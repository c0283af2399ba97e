"""Variables of an operation: their types are found once, their values are read with each run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from graphql import (
    GraphQLError,
    GraphQLLeafType,
    GraphQLSchema,
    VariableDefinitionNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import (
    VariableValues,
    VariableValueSource,
    input_is_nested_too_deeply,
    maybe_use_default_value,
)
from graphql.pyutils import Undefined
from graphql.utilities import coerce_input_value

from graph.engine.unplanned import Unplanned


class Variables:
    """The variables that an operation defines."""

    __slots__ = ("_signatures",)

    def __init__(
        self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]
    ) -> None:
        """Find the types. Raises Unplanned where one is none of an input."""
        self._signatures: list[tuple[GraphQLVariableSignature, Callable[[Any], Any] | None]] = []
        for definition in definitions:
            signature = get_variable_signature(schema, definition)
            if isinstance(signature, GraphQLError):
                raise Unplanned("variables")
            type_ = get_nullable_type(signature.type)
            nests = type_ is not get_named_type(type_) or not is_leaf_type(type_)
            read = None if nests else cast("GraphQLLeafType", type_).coerce_input_value
            self._signatures.append((signature, read))

    def values(self, given: Mapping[str, Any]) -> VariableValues:
        """Return the values as graphql-core coerces them.

        Raises Unplanned where they do not fit: graphql-core then tells why.
        """
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature, read in self._signatures:
            name, type_ = signature.name, signature.type
            value = given.get(name, Undefined)
            if value is Undefined:
                sources[name] = VariableValueSource(signature)
                if signature.default is not None:
                    maybe_use_default_value(coerced, name, signature, _refuse)
                    continue
                if not is_non_null_type(type_):
                    continue
            else:
                sources[name] = VariableValueSource(signature, value)
            if read is not None and value is not None:
                try:
                    fits = read(value)
                except Exception:  # noqa: BLE001 (graphql-core tells what is wrong with it)
                    raise Unplanned("variables") from None
            elif input_is_nested_too_deeply(value, type_):
                raise Unplanned("variables")
            else:
                fits = coerce_input_value(value, type_)
            if fits is Undefined:
                raise Unplanned("variables")
            coerced[name] = fits
        return VariableValues(sources, coerced)


def _refuse(*_: object) -> None:
    raise Unplanned("variables")
