"""Turns the selections of a document into Python functions, one for each object type and place it is selected in."""

import keyword
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution import Executor

from gateway.execution import leaves
from gateway.execution.arguments import arguments_of
from gateway.execution.classes import Choice, admission
from gateway.execution.host import Host, Read, Related, Worked
from gateway.execution.oddities import VALUE, Refused, odd
from gateway.execution.plans import AbstractShape, Details, ListShape, Mark, ObjectShape, Segment, Shape, Slot
from gateway.execution.resolvers import resolver_of

# A document's fragments may multiply; a thousand fields answered is more than any page shows.
PLAN_FIELDS_MAX = 5_000


@dataclass(slots=True)
class Planner:
    """Makes the plan of one selection, for one set of rights and one set of values of its @skip and @include."""

    executor: Executor[Any]
    host: Host
    rights: Any
    fields: int = 0

    def segment(self, type_: GraphQLOutputType, details: Details) -> Segment:
        """What completes a value of this type. Raises Refused."""
        writer = _Writer(self)
        expression, shape = writer.value(type_, details, "v")
        return Segment(writer.function(expression), tuple(writer.outlets), shape)

    def count(self) -> None:
        self.fields += 1
        if self.fields > PLAN_FIELDS_MAX:
            raise Refused


@dataclass(slots=True)
class _Writer:
    """Writes the functions of one segment. Each takes a value and `p`, the outlets' takers."""

    planner: Planner
    source: list[str] = field(default_factory=list)
    outlets: list[Slot | Mark] = field(default_factory=list)
    choices: list[tuple[Choice, dict[str, str]]] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=lambda: {"odd": odd, "VALUE": VALUE})
    count: int = 0

    def function(self, expression: str) -> Any:
        text = "".join(self.source) + f"def complete(v, p):\n    return {expression}\n"
        # Only names of ours and `repr`s of texts are in it: nothing of a document is written as code.
        exec(compile(text, "<plan>", "exec"), self.names)  # noqa: S102
        for choice, functions in self.choices:
            choice.complete = {type_name: self.names[name] for type_name, name in functions.items()}
        return self.names["complete"]

    def name(self, prefix: str, value: object = None) -> str:
        self.count += 1
        name = f"{prefix}{self.count}"
        if value is not None:
            self.names[name] = value
        return name

    # ── Values ──

    def value(
        self, type_: GraphQLOutputType, details: Details, v: str, *, nullable: bool = True
    ) -> tuple[str, Shape | None]:
        """The expression that completes the variable `v`, and the way to the slots below."""
        if is_non_null_type(type_):
            return self.value(type_.of_type, details, v, nullable=False)
        if is_leaf_type(type_):
            return self._leaf(type_, v, nullable=nullable), None
        shape: Shape | None
        if is_list_type(type_):
            name, shape = self._list(type_, details)
        elif is_object_type(type_):
            name, shape = self._object(type_, details)
        elif is_abstract_type(type_):
            name, shape = self._abstract(type_, details)
        else:
            raise Refused
        call = f"{name}({v}, p)"
        return (f"(None if {v} is None else {call})" if nullable else call), shape

    def _leaf(self, type_: Any, v: str, *, nullable: bool) -> str:
        slow = f"{self.name('slow', leaves.written_by(type_, nullable=nullable))}({v})"
        if test := leaves.as_it_is(type_):
            return f"({v} if {test.format(v=v)} else {slow})"
        if members := leaves.members(type_):
            enum, written = members
            names = self.name("names", written)
            return f"({names}[{v}._name_] if type({v}) is {self.name('enum', enum)} else {slow})"
        return slow

    def _list(self, type_: GraphQLList[Any], details: Details) -> tuple[str, Shape | None]:
        name, item = self.name("list"), self.name("i")
        expression, shape = self.value(type_.of_type, details, item)
        self.source.append(
            f"def {name}(v, p):\n"
            f"    if type(v) is not list and type(v) is not tuple: raise odd(v, VALUE)\n"
            f"    return [{expression} for {item} in v]\n"
        )
        return name, ListShape(not is_non_null_type(type_.of_type), shape) if shape else None

    def _abstract(self, type_: Any, details: Details) -> tuple[str, Shape | None]:
        schema = self.planner.executor.schema
        choice = Choice(type_, schema, self.planner.host)
        written = {each.name: self._object(each, details, marked=True) for each in schema.get_possible_types(type_)}
        name, choose, known = self.name("any"), self.name("choose", choice), self.name("known")
        self.names[known] = choice.known
        self.choices.append((choice, {type_name: function for type_name, (function, _) in written.items()}))
        self.source.append(f"def {name}(o, p):\n    return ({known}.get(type(o)) or {choose}(o))(o, p)\n")
        return name, AbstractShape() if any(shape for _, shape in written.values()) else None

    # ── Objects ──

    def _object(
        self, type_: GraphQLObjectType, details: Details, *, marked: bool = False
    ) -> tuple[str, ObjectShape | None]:
        if type_.name.startswith("__"):
            raise Refused  # Introspection: rare, large, and not worth a plan.
        admit = admission(type_, self.planner.host)
        shape = ObjectShape(type_.name)
        body: list[str] = []
        entries: list[str] = []
        takers: list[str] = []
        for key, asked in self._collected(type_, details).items():
            node, below = asked[0].node, None
            known = self.planner.executor.schema.get_field(type_, node.name.value)
            if known is None:
                continue  # As graphql-core does.
            self.planner.count()
            if node.name.value == "__typename":
                expression = repr(type_.name)
            elif self._is_null(known):
                expression = "None"
            elif (read := self._read(known)) and (completed := self._completed(known, asked)):
                variable, expression, below = completed
                body.append(f"    {variable} = {read}\n")
            else:
                slot = self._slot(key, type_, known, asked)
                takers.append(f"    p[{self._outlet(slot)}]((d, o))\n")
                expression, below = "None", slot.segment.shape if slot.segment else None
            if below:
                shape.fields[key] = (not is_non_null_type(known.type), below)
            entries.append(f"{key!r}: {expression}")
        has_slots = bool(takers or shape.fields)
        if marked and has_slots:
            takers.append(f"    p[{self._outlet(Mark(shape))}](d)\n")
        return self._written(admit, body, entries, takers), shape if has_slots else None

    def _written(self, admit: Any, body: Sequence[str], entries: Sequence[str], takers: Sequence[str]) -> str:
        name, check, known = self.name("object"), self.name("admit", admit), self.name("known")
        self.names[known] = admit.known
        made = f"{{{', '.join(entries)}}}"
        self.source.append(
            f"def {name}(o, p):\n    if type(o) not in {known}: {check}(o)\n{''.join(body)}"
            + (f"    d = {made}\n{''.join(takers)}    return d\n" if takers else f"    return {made}\n")
        )
        return name

    def _collected(self, type_: GraphQLObjectType, details: Details) -> dict[str, Details]:
        fields, deferred, _ = self.planner.executor.collect_subfields(type_, details)
        if deferred or any(each.fragment_variable_values for asked in fields.values() for each in asked):
            raise Refused
        return fields

    def _outlet(self, outlet: Slot | Mark) -> int:
        self.outlets.append(outlet)
        return len(self.outlets) - 1

    # ── Fields ──

    def _is_null(self, known: GraphQLField) -> bool:
        """Whether it is closed; arguments may be wrong as well, so a field with some is left to its resolver."""
        planner = self.planner
        return (
            not known.args
            and not isinstance(known.type, GraphQLNonNull)
            and not planner.host.opens(known, planner.rights)
        )

    def _read(self, known: GraphQLField) -> str | None:
        """The expression that reads a plain field from its parent `o`."""
        planner = self.planner
        # Only the resolver knows what to say to whom it is not open, and with which arguments.
        if not known.args and planner.host.opens(known, planner.rights):
            answer = planner.host.answer(known)
            if isinstance(answer, Read):
                return f"{self.name('read', answer.read)}(o)"
        definition = (known.extensions or {}).get("strawberry-definition")
        # Strawberry gives this resolver to fields with neither resolver nor extension nor permission.
        if definition is None or known.args or getattr(known.resolve, "__name__", "") != "_get_basic_result":
            return None
        attribute, default = definition.python_name, definition.default_resolver
        if default is getattr and attribute.isidentifier() and not keyword.iskeyword(attribute):
            return f"o.{attribute}"
        return f"{self.name('get', default)}(o, {attribute!r})"

    def _completed(self, known: GraphQLField, asked: Details) -> tuple[str, str, Shape | None] | None:
        """The variable of a plain field, what completes it, and the way below; None where no plan is made for it."""
        outlets, source = len(self.outlets), len(self.source)
        variable = self.name("v")
        try:
            return variable, *self.value(known.type, asked, variable)
        except Refused:
            del self.outlets[outlets:], self.source[source:]
            return None

    def _slot(self, key: str, parent: GraphQLObjectType, known: GraphQLField, asked: Details) -> Slot:
        executor = self.planner.executor
        arguments = arguments_of(known, asked[0].node, hides_suggestions=executor.hide_suggestions)
        slot = Slot(key, parent, known, asked, arguments, resolver_of(executor, known))
        try:
            slot.segment = self.planner.segment(known.type, asked)
        except Refused:
            return slot
        planner = self.planner
        answer = planner.host.answer(known) if planner.host.opens(known, planner.rights) else None
        slot.related = answer if isinstance(answer, Related) and not known.args else None
        slot.work = answer.work if isinstance(answer, Worked) else None
        return slot
