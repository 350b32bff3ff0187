"""How much one document may ask: depth, aliases, cost. Counted before anything runs, each fragment once however often it is used.

(A rule that walks through a fragment at each of its uses is itself the attack: twenty fragments of two uses each are a million.)
"""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
    VariableNode,
)

MOST_DEPTH = 6  # the schema needs 3; questions about the schema itself have a rule of graphql-core's own
MOST_ALIASES = 30
MOST_TOKENS = 2_000
MOST_COST = 5_000
LISTS = {"measurements": 100, "alerts": 50}  # fields whose rows are counted, with what they give where `limit` is not said
PLANT = 100  # what a field costs that gives the whole plant
PLANTS = ("machines", "machinesStatus", "liveMachineData")
PER_ROW = 0.2
BEYOND = 10**9  # more than anything may be: a number that two fragments may add to without end stays one that can be added


@dataclass(frozen=True, slots=True)
class Size:
    """Of a selection: how deep it goes, how many aliases it has, what it costs."""

    depth: int = 0
    aliases: int = 0
    cost: float = 0.0

    def beside(self, other: "Size") -> "Size":
        """Both in one selection."""
        cost, aliases = min(self.cost + other.cost, BEYOND), min(self.aliases + other.aliases, BEYOND)
        return Size(max(self.depth, other.depth), aliases, cost)


class Limits(ValidationRule):
    """Refuses what is too deep, has too many aliases or costs too much; each says how much it was and how much may be."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._fragments: Mapping[str, FragmentDefinitionNode] = {
            each.name.value: each for each in context.document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._sizes: dict[str, Size] = {}
        self._open: set[str] = set()
        for operation in context.document.definitions:
            if isinstance(operation, OperationDefinitionNode):
                self._check(operation)

    def _check(self, operation: OperationDefinitionNode) -> None:
        size = self._of(operation.selection_set)
        checks = (("depth", size.depth, MOST_DEPTH), ("aliases", size.aliases, MOST_ALIASES), ("cost", size.cost, MOST_COST))
        for what, found, most in checks:
            if found > most:
                shown = "more" if found >= BEYOND else f"{found:,.0f}"
                reason = f"{what}: {most:,} may be asked for at once, this asks for {shown}"
                self.report_error(GraphQLError(reason, operation, extensions={"code": "TOO_MUCH", "field": what, "reason": reason}))

    def _of(self, selections: SelectionSetNode | None) -> Size:
        size = Size()
        for selection in selections.selections if selections is not None else ():
            if isinstance(selection, FieldNode):
                size = size.beside(self._of_field(selection))
            elif isinstance(selection, FragmentSpreadNode):
                size = size.beside(self._of_fragment(selection.name.value))
            else:
                size = size.beside(self._of(getattr(selection, "selection_set", None)))
        return size

    def _of_field(self, field: FieldNode) -> Size:
        name = field.name.value
        if name.startswith("__"):
            return Size(1, int(field.alias is not None), 1)
        inside = self._of(field.selection_set)
        cost = 1 + inside.cost
        if name in LISTS:
            cost += PER_ROW * _rows(field, LISTS[name]) * (1 + inside.cost)
        elif name in PLANTS:
            cost += PLANT
        return Size(inside.depth + 1, inside.aliases + (field.alias is not None), min(cost, BEYOND))

    def _of_fragment(self, name: str) -> Size:
        if name in self._open or name not in self._fragments:  # a circle, or nothing: other rules refuse it
            return Size()
        if name not in self._sizes:
            self._open.add(name)
            self._sizes[name] = self._of(self._fragments[name].selection_set)
            self._open.discard(name)
        return self._sizes[name]


def _rows(field: FieldNode, otherwise: int) -> int:
    """The limit that is asked for; one in a variable counts as the most, since its value is not known yet."""
    for argument in field.arguments or ():
        if argument.name.value == "limit":
            if isinstance(argument.value, IntValueNode):
                return max(0, min(int(argument.value.value), BEYOND))
            if isinstance(argument.value, VariableNode):
                return 1_000
    return otherwise
