"""How big one operation may be, and what finding that out may take.

A document is read, looked at, validated, and its operation measured; each step is bounded by itself, so that what is
refused in the end has cost little until then: `read` so many tokens, `ill_formed` a look at every node, `faults` so
many comparisons and errors, `Sizing` once more a look at every node. docs/configuration.md says what may be set.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    SelectionNode,
    SelectionSetNode,
    ValidationContext,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
    specified_rules,
    validate,
)
from graphql.utilities.coerce_input_value import coerce_default_value
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from gateway.settings import Bounds

LIST_LENGTH_ASSUMED = 10  # Of a list nobody says the length of: lines of an order, variants of a product.
PAGE_LENGTH_ASSUMED = 50  # What a connection answers where neither `first` nor `last` is given.
INTROSPECTED_FIELDS_ASSUMED = 4  # Of a type; half of them have none.

# Selection sets within one another, through fragments: what walks down a document calls itself some three times for
# each, and Python stops at a thousand calls. Far more than any client nests.
NESTING_MAX = 100
# Only one is executed, but validation looks for each through the fragments it uses. GraphiQL sends a whole tab.
OPERATIONS_MAX = 20
# Looks at pairs of fields and fragments for whether they can be merged, at some 1.5 µs each; graphql-core itself stops
# at 500,000. Forty fragments of five fields each, all spread in one place, are still compared.
COMPARISONS_MAX = 20_000
# Nobody mends more at a time, and each may repeat a good part of the document.
FAULTS_MAX = 10
FAULT_LENGTH_MAX = 1_000  # Characters.
# What every reader of JSON keeps exactly. Fragments that double one another get there within a page.
MEASURE_MAX = 2**53 - 1
# What is kept of one operation's measures, counted in the lengths they depend on: all lengths of one list that a screen
# may ask, in some 100 kB.
LENGTHS_KEPT_MAX = 500
INT_MAX = 2**31 - 1  # GraphQL's.

# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read(text: str, bounds: Bounds) -> DocumentNode:
    """The document, which may be wrong in any way but its grammar. Raises GraphQLError."""
    try:
        return parse(text, max_lexical_tokens=bounds.tokens, max_comments=bounds.tokens)
    except GraphQLSyntaxError as error:
        if "Document contains more than" not in error.message:
            raise _shortened(error) from None
    sentence = f"The document is too big: it has more than {bounds.tokens} words and signs. Pass data as variables."
    raise GraphQLError(sentence, extensions={"code": "TOO_BIG_TOKENS", "maximum": bounds.tokens})


# ── Before validation ────────────────────────────────────────────────────────────────────────────────────────────


def ill_formed(document: DocumentNode) -> list[GraphQLError]:
    """What would make it dear or impossible to walk through a document; found by one look at every node."""
    operations = sum(isinstance(each, OperationDefinitionNode) for each in document.definitions)
    limits = (
        ("DEPTH", "selections deep", _nesting(document), NESTING_MAX),
        ("OPERATIONS", "operations", operations, OPERATIONS_MAX),
    )
    return [
        GraphQLError(
            f"The document is too big: {asked} {what}; at most {most} are read.",
            extensions={"code": f"TOO_BIG_{name}", "asked": asked, "maximum": most},
        )
        for name, what, asked, most in limits
        if asked > most
    ]


def _nesting(document: DocumentNode) -> int:
    """How deep selections lie in one another, through fragments. Walks without recursion: nothing is bounded yet.

    A spread that closes a circle adds nothing; validation refuses it.
    """
    inside = {
        definition.name.value: _depths(definition.selection_set)
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    nesting: dict[str, int] = {}

    def deepest(depth: int, spreads: list[tuple[str, int]]) -> int:
        return max([depth, *(where + nesting.get(name, 0) for name, where in spreads)])

    entered = set()
    waiting = list(inside)
    while waiting:
        name = waiting[-1]
        if name not in entered:
            entered.add(name)
            waiting += [spread for spread, _ in inside[name][1] if spread in inside and spread not in entered]
        elif waiting.pop() not in nesting:
            nesting[name] = deepest(*inside[name])
    operations = [
        deepest(*_depths(definition.selection_set))
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
    ]
    return max([0, *nesting.values(), *operations])


def _depths(outermost: SelectionSetNode) -> tuple[int, list[tuple[str, int]]]:
    """How deep selections lie in one definition, and which fragments are spread how deep."""
    deepest = 1
    spreads = []
    waiting = [(outermost, 1)]
    while waiting:
        chosen, depth = waiting.pop()
        deepest = max(deepest, depth)
        for selection in chosen.selections:
            if isinstance(selection, FragmentSpreadNode):
                spreads.append((selection.name.value, depth))
            elif selection.selection_set:  # type: ignore[attr-defined]  # A field or an inline fragment.
                waiting.append((selection.selection_set, depth + 1))  # type: ignore[attr-defined]
    return deepest, spreads


# ── Validation ───────────────────────────────────────────────────────────────────────────────────────────────────


class FrugalOverlappingFields(OverlappingFieldsCanBeMergedRule):
    """graphql-core's rule, which compares every pair of fields that may meet, with less to spend."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = COMPARISONS_MAX


RULES: tuple[type[ASTValidationRule], ...] = (
    *(FrugalOverlappingFields if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules),
    # As strawberry has them.
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)


def faults(schema: GraphQLSchema, document: DocumentNode, *, shows_schema: bool = True) -> list[GraphQLError]:
    """What GraphQL finds wrong with a well-formed document.

    shows_schema: whether it may be asked what the schema is, and names that are near are told.
    """
    rules = RULES if shows_schema else (*RULES, NoSchemaIntrospectionCustomRule)
    found = validate(schema, document, rules, max_errors=FAULTS_MAX, hide_suggestions=not shows_schema)
    return [_told(error, len(found)) for error in found]


def _told(error: GraphQLError, count: int) -> GraphQLError:
    if isinstance(error, ValidationAbortedError) and count <= FAULTS_MAX:
        return GraphQLError(
            "The document is too intricate: too many of its fields and fragments meet in the same places.",
            extensions={"code": "TOO_BIG_COMPARISONS", "maximum": COMPARISONS_MAX},
        )
    return _shortened(error)


def _shortened(error: GraphQLError) -> GraphQLError:
    """The error; what it repeats of the document only in part."""
    if len(error.message) > FAULT_LENGTH_MAX:
        error.message = f"{error.message[:FAULT_LENGTH_MAX]}…"
    return error


# ── Measuring ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Measures:
    """How big an operation is. cost: the fields it answers, lists multiplied out."""

    depth: int = 0
    aliases: int = 0
    root_fields: int = 0
    cost: int = 0


def too_big(bounds: Bounds, measures: Measures) -> list[GraphQLError]:
    """What of an operation is over its limit; each error says how much it is, how much may be, and the cost."""
    limits = (
        ("DEPTH", "fields deep", measures.depth, bounds.depth),
        ("ALIASES", "aliases", measures.aliases, bounds.aliases),
        ("ROOT_FIELDS", "root fields", measures.root_fields, bounds.root_fields),
        ("COST", "fields to answer, lists multiplied out", measures.cost, bounds.cost),
    )
    return [
        GraphQLError(
            f"The operation is too big: {asked} {what}; at most {most} are answered.",
            extensions={"code": f"TOO_BIG_{name}", "asked": asked, "maximum": most, "cost": measures.cost},
        )
        for name, what, asked, most in limits
        if asked > most
    ]


@dataclass(frozen=True, slots=True)
class _Extent:
    """How big a part of an operation is: cost + per_node x the nodes of the connection it is asked of, if it is."""

    depth: int = 0
    aliases: int = 0
    cost: int = 0
    per_node: int = 0

    def cost_with(self, nodes: int | None) -> int:
        return self.cost + self.per_node * (nodes or LIST_LENGTH_ASSUMED)


_Reading = tuple[str, Callable[[object], int | None]]


class Sizing:
    """The size of one operation of a valid document, for any variables: only lengths and numbers matter of them.

    Introspection counts towards aliases and cost, but not towards depth: graphql-core limits it by itself.
    """

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._defaults = {
            each.variable.name.value: _constant(each.default_value)
            for each in operation.variable_definitions or ()
            if each.default_value
        }
        self.root_fields = tuple(self._gathered())
        first = _Walk(self._schema, self._fragments, {})
        first.operation(operation)
        self._read: tuple[_Reading, ...] = tuple(first.read)
        self._known: dict[tuple[int | None, ...], Measures] = {}

    def measures(self, variables: Mapping[str, Any]) -> Measures:
        defaults = self._defaults
        key = tuple([reading(variables.get(name, defaults.get(name))) for name, reading in self._read])
        return self._known.get(key) or self._measured(key)

    def _measured(self, key: tuple[int | None, ...]) -> Measures:
        walk = _Walk(self._schema, self._fragments, dict(zip(self._read, key, strict=True)))
        extent = walk.operation(self._operation)
        sizes = (extent.depth, extent.aliases, len(self.root_fields), extent.cost_with(None))
        if len(self._known) * max(len(key), 1) >= LENGTHS_KEPT_MAX:
            self._known.clear()
        measures = self._known[key] = Measures(*(min(size, MEASURE_MAX) for size in sizes))
        return measures

    def _gathered(self) -> list[str]:
        """The names of the fields asked of the root, once for each time they are answered."""
        answered: dict[str, str] = {}
        seen: set[str] = set()
        waiting = [self._operation.selection_set]
        while waiting:
            for selection in waiting.pop().selections:
                if isinstance(selection, FieldNode):
                    name = selection.name.value
                    answered[selection.alias.value if selection.alias else name] = name
                elif isinstance(selection, InlineFragmentNode):
                    waiting.append(selection.selection_set)
                elif (spread := selection.name.value) not in seen:  # type: ignore[attr-defined]  # Only a spread is left.
                    seen.add(spread)
                    waiting.append(self._fragments[spread].selection_set)
        return list(answered.values())


class _Walk:
    """Once down an operation; every fragment is gone into once, however often it is spread.

    lengths: what is read of the variables. Which readings there are does not depend on what they give.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        lengths: Mapping[_Reading, int | None],
    ) -> None:
        self.read: dict[_Reading, None] = {}
        self._schema = schema
        self._fragments = fragments
        self._lengths = lengths
        self._gone_into: dict[str, _Extent] = {}

    def operation(self, node: OperationDefinitionNode) -> _Extent:
        root = self._schema.get_root_type(node.operation)
        assert root, "A valid document has operations of kinds the schema has."
        return self._selections(node.selection_set, root)

    def _selections(self, chosen: SelectionSetNode, parent: GraphQLCompositeType) -> _Extent:
        each = [self._selection(selection, parent) for selection in chosen.selections]
        return _Extent(
            max((one.depth for one in each), default=0),
            sum(one.aliases for one in each),
            sum(one.cost for one in each),
            sum(one.per_node for one in each),
        )

    def _selection(self, node: SelectionNode, parent: GraphQLCompositeType) -> _Extent:
        if isinstance(node, FieldNode):
            return self._field(node, parent)
        if isinstance(node, InlineFragmentNode):
            named = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
            return self._selections(node.selection_set, named)  # type: ignore[arg-type]  # Valid: it is composite.
        return self._fragment(node.name.value)  # type: ignore[attr-defined]  # Only a spread is left.

    def _fragment(self, name: str) -> _Extent:
        found = self._gone_into.get(name)
        if found is None:
            fragment = self._fragments[name]
            named: Any = self._schema.get_type(fragment.type_condition.name.value)
            found = self._gone_into[name] = self._selections(fragment.selection_set, named)
        return found

    def _field(self, node: FieldNode, parent: GraphQLCompositeType) -> _Extent:
        alias = 1 if node.alias else 0
        if node.selection_set is None:
            return _Extent(1, alias, 1)
        field = self._schema.get_field(parent, node.name.value)
        assert field, "A valid document asks for fields there are."
        named: Any = get_named_type(field.type)
        inner = self._selections(node.selection_set, named)
        depth = 0 if node.name.value.startswith("__") else 1 + inner.depth
        aliases = alias + inner.aliases
        if parent.name.startswith("__"):
            return _Extent(depth, aliases, 1 + self._introspected(node.name.value, inner.cost))
        if not is_list_type(get_nullable_type(field.type)):
            return _Extent(depth, aliases, 1 + inner.cost_with(self._page(node, field, named)))
        cost = inner.cost_with(None)
        if length := self._length(node, field):
            return _Extent(depth, aliases, 1 + length * cost)
        return _Extent(depth, aliases, 1, per_node=cost)

    def _introspected(self, name: str, cost: int) -> int:
        """The cost of what is below a field that tells of the schema. Most of introspection's lists are short."""
        if name == "types":
            return len(self._schema.type_map) * cost
        if name == "fields":
            return INTROSPECTED_FIELDS_ASSUMED * cost
        return cost // 2 if name == "ofType" else cost  # Every second type is wrapped no further.

    def _page(self, node: FieldNode, field: GraphQLField, named: Any) -> int | None:
        """How many nodes a connection is asked for; None for what is no connection."""
        if not named.name.endswith("Connection"):
            return None
        asked = self._asked(node, field)
        return PAGE_LENGTH_ASSUMED if asked is None else asked

    def _length(self, node: FieldNode, field: GraphQLField) -> int | None:
        """How long a list field's answer is, as its arguments say: as long as the list asked for, or as `first`."""
        lengths = [self._asked(node, field)]
        for argument in node.arguments or ():
            if isinstance(argument.value, ListValueNode):
                lengths.append(len(argument.value.values))
            elif isinstance(argument.value, VariableNode):
                lengths.append(self._of_variable(argument.value, _length_of))
        return max((length for length in lengths if length is not None), default=None)

    def _asked(self, node: FieldNode, field: GraphQLField) -> int | None:
        """How many `first` or `last` ask for, or the schema where they do not."""
        given = [argument for argument in node.arguments or () if argument.name.value in {"first", "last"}]
        numbers = [self._number(argument.value) for argument in given]
        if not given and "first" in field.args:
            numbers.append(_number_of(coerce_default_value(field.args["first"])))
        return max((number for number in numbers if number is not None), default=None)

    def _number(self, node: ValueNode) -> int | None:
        if isinstance(node, VariableNode):
            return self._of_variable(node, _number_of)
        return _number_of(_constant(node))

    def _of_variable(self, node: VariableNode, reading: Callable[[object], int | None]) -> int | None:
        read = (node.name.value, reading)
        self.read[read] = None
        return self._lengths.get(read)


def _constant(node: ValueNode) -> object:
    """What matters here of a value in the document: that it is an int, or how long a list is."""
    if isinstance(node, ListValueNode):
        return list(node.values)
    # Python reads no int of more than 4,300 digits, and GraphQL's have ten.
    return int(node.value[:11]) if isinstance(node, IntValueNode) else None


def _number_of(value: object) -> int | None:
    """A variable's number; GraphQL takes 50.0 for 50."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return min(max(value, 0), INT_MAX) if isinstance(value, int) else None


def _length_of(value: object) -> int | None:
    return len(value) if isinstance(value, list) else None
