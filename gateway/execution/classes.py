"""Which Python classes stand for which GraphQL types: decided once for each class instead of once for each object.

Where graphql-core would look at the object itself (a function of the application's that decides, `strawberry.cast`,
an attribute `__typename`), nothing is decided here: the type is refused, or the object is found odd.
"""

from abc import ABCMeta
from collections.abc import Callable, Iterable, Mapping
from types import GeneratorType
from typing import Any

from graphql import (
    GraphQLAbstractType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
)
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE

from gateway.execution.host import Host
from gateway.execution.oddities import CLASS, Odd, Refused, odd

Complete = Callable[..., Any]

# Objects of no type: nothing, and what may be a coroutine of the old kind.
_NO_OBJECTS = {type(None), type(Undefined), GeneratorType}


class Admission:
    """Whether objects of a class are of an object type. `known` holds those that are, for a look-up in place.

    casts: an instance may say that it is something else, so those that can hold attributes are looked at one by one.
    """

    def __init__(self, classes: tuple[type, ...] | None, *, casts: bool) -> None:
        self._classes = classes
        self._casts = casts
        self.known: set[type] = set()

    def __call__(self, value: Any) -> None:
        """Admit an object of an unknown class. Raises Odd."""
        cls = type(value)
        if not self.takes(cls):
            raise odd(value, CLASS)
        if self._casts:
            _check_instance(value)
        if not self._casts or _is_settled_by(cls):
            self.known.add(cls)

    def takes(self, cls: type) -> bool:
        if cls in _NO_OBJECTS or issubclass(cls, Exception) or hasattr(cls, "__await__"):
            return False
        return self._classes is None or issubclass(cls, self._classes)

    @property
    def is_checked(self) -> bool:
        """Whether the type has a check at all; one without is never found for an interface."""
        return self._classes is not None


def admission(type_: GraphQLObjectType, host: Host) -> Admission:
    """Raises Refused where only the type's own function knows."""
    declared = host.classes(type_)
    if declared:
        if any(_decides_by_instance(each) for each in declared):
            raise Refused
        return Admission(declared, casts=False)
    if type_.is_type_of is None:
        return Admission(None, casts=False)
    definition = _definition(type_)
    if definition is None or definition.is_type_of is not None or definition.concrete_of is not None:
        raise Refused
    # Strawberry's own check: an instance of the type's class, or of an interface's.
    return Admission((*(each.origin for each in definition.interfaces), definition.origin), casts=True)


class Choice:
    """Which of an abstract type's object types an object has. `known` maps the classes met so far."""

    def __init__(self, type_: GraphQLAbstractType, schema: GraphQLSchema, host: Host) -> None:
        self._type = type_
        self._possible = schema.get_possible_types(type_)
        self._checks = {each.name: admission(each, host) for each in self._possible}
        self._interface = _definition(type_) if isinstance(type_, GraphQLInterfaceType) else None
        if isinstance(type_, GraphQLInterfaceType) and (self._interface is None or self._interface.resolve_type):
            raise Refused
        if isinstance(type_, GraphQLUnionType) and "strawberry-definition" not in (type_.extensions or {}):
            raise Refused
        self.known: dict[type, Complete] = {}
        self.complete: Mapping[str, Complete] = {}

    def __call__(self, value: Any) -> Complete:
        """What completes an object of an unknown class. Raises Odd."""
        cls = type(value)
        name = self._name(cls)
        if name is None:
            raise odd(value, CLASS)
        _check_instance(value)
        if _is_settled_by(cls):
            self.known[cls] = self.complete[name]
        return self.complete[name]

    def _name(self, cls: type) -> str | None:
        definition = get_object_definition(cls)
        if definition is not None and (definition.is_graphql_generic or definition.concrete_of):
            return None
        if definition is not None and isinstance(self._type, GraphQLUnionType):
            return next((each.name for each in self._possible if _definition(each) is definition), None)
        if definition is not None and self._interface and issubclass(cls, self._interface.origin):
            return definition.name if definition.name in self._checks else None
        checks = self._checks.items()
        return next((name for name, check in checks if check.is_checked and check.takes(cls)), None)


def _definition(type_: Any) -> StrawberryObjectDefinition | None:
    definition = (type_.extensions or {}).get("strawberry-definition")
    return definition if isinstance(definition, StrawberryObjectDefinition) else None


def _decides_by_instance(cls: type) -> bool:
    """A metaclass of its own may answer `isinstance` by more than the class; Python's own two do not."""
    return type(cls).__instancecheck__ not in {type.__instancecheck__, ABCMeta.__instancecheck__}


def _is_settled_by(cls: type) -> bool:
    """Whether the class says all: its instances have no room for a cast or a `__typename` of their own."""
    return not cls.__dictoffset__


def _check_instance(value: Any) -> None:
    """Raises Odd where an object may say itself what it is."""
    cls = type(value)
    looks_up: Any = cls.__getattribute__
    if hasattr(cls, "__getattr__") or looks_up is not object.__getattribute__ or issubclass(cls, Mapping):
        raise Odd(CLASS)
    if _names_a_type(dir(cls)) or (cls.__dictoffset__ and _names_a_type(vars(value))):
        raise Odd(CLASS)


def _names_a_type(attributes: Iterable[str]) -> bool:
    """`self.__typename` in a class C is an attribute `_C__typename`."""
    return any(name == TYPE_CAST_ATTRIBUTE or name.endswith("__typename") for name in attributes)
