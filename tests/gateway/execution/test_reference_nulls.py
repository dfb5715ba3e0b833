"""graphql-core's cases of nulls and errors: how far up they go, whatever way the fields on their way are answered."""

import asyncio
import sys
from functools import cache
from types import ModuleType
from typing import Any

import pytest
import strawberry
from graphql import GraphQLError

from tests.gateway.execution.both_ways import both_ways, declared

PARENT = strawberry.Parent[Any]
TORN, LOST = ValueError("torn"), KeyError("lost")
NULL = "Cannot return null for non-nullable field Box.{}."
FIELDS = {
    "label": str,
    "note": str | None,
    "inside": "Box",
    "maybe": "Box | None",
    "boxes": "list[Box]",
    "loose": "list[Box | None] | None",
}
WAYS = {
    **{way: [way] * len(FIELDS) for way in ("plain", "called", "awaited", "looked_up")},
    "mixed": ["plain", "called", "awaited", "looked_up", "plain", "called"],
    "mixed_otherwise": ["awaited", "looked_up", "plain", "called", "looked_up", "awaited"],
}


class Key:
    """What a box knows of a value of its own."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Box:
    def __init__(self, label: Any = "box", **values: Any) -> None:
        for name in FIELDS:
            value = label if name == "label" else values.get(name)
            setattr(self, name, value)
            setattr(self, f"{name}_key", Key(value))

    def __repr__(self) -> str:
        return f"a box with {self.inside or self.label}"


def had(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


async def opened(_context: Any, keys: list[Key]) -> dict[Key, Any]:
    await asyncio.sleep(0)
    return {key: key.value for key in keys}


def answered_by(name: str, way: str) -> Any:
    def called(root: PARENT) -> Any:
        return had(getattr(root, name))

    async def awaited(root: PARENT) -> Any:
        await asyncio.sleep(0)
        return had(getattr(root, name))

    if way == "looked_up":
        return declared(awaited, batch=opened, key=f"{name}_key")
    return declared(awaited if way == "awaited" else called)


@cache
def schema_of(way: str) -> strawberry.Schema:
    """Boxes in boxes; each field is answered in the same way, or in a mixture of ways."""

    def ask(info: strawberry.Info) -> Any:
        return had(info.context)

    async def ask_later(info: strawberry.Info) -> Any:
        return had(info.context)

    resolvers = {name: answered_by(name, each) for name, each in zip(FIELDS, WAYS[way], strict=True) if each != "plain"}
    module = ModuleType(f"boxes_{way}")  # Where strawberry looks up what "Box" is.
    sys.modules[module.__name__] = module
    body = {"__annotations__": FIELDS, "__module__": module.__name__, **resolvers}
    module.Box = box = strawberry.type(type("Box", (), body))
    roots = {"box": box, "perhaps": box | None}
    body = {"__annotations__": roots, "box": declared(ask), "perhaps": declared(ask_later)}
    try:
        return strawberry.Schema(strawberry.type(type("Query", (), body)))
    finally:
        del sys.modules[module.__name__]


# ── No error at all ──

NULLS = {
    "nothing in a field that may be null": ("{ perhaps { note label } }", Box(), {"note": None, "label": "box"}),
    "nothing in place of an object": (
        "{ perhaps { maybe { label } loose { label } } }",
        Box(),
        {"maybe": None, "loose": None},
    ),
    "nothing in all the leaves of a tree": (
        "{ perhaps { note maybe { note loose { note } } loose { note maybe { note } } } }",
        Box(maybe=Box(loose=[Box(), None]), loose=[Box(maybe=Box()), Box()]),
        {
            "note": None,
            "maybe": {"note": None, "loose": [{"note": None}, None]},
            "loose": [{"note": None, "maybe": {"note": None}}, {"note": None, "maybe": None}],
        },
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("claim", NULLS)
async def test_a_null_that_may_be_is_no_error(claim, way):
    text, box, expected = NULLS[claim]

    answer = await both_ways(schema_of(way), text, lambda: box)

    assert (answer.data, answer.told) == ({"perhaps": expected}, [])
    assert answer.is_by_plans_alone


# ── Errors, each with the nulls it leaves ──

CHAIN = "{ perhaps { maybe { inside { inside { inside { label } } } } label } }"
ERRORS: dict[str, tuple[str, Any, Any, list[tuple[str, list[str | int]]]]] = {
    "an error in a field that may be null": (
        "{ perhaps { note label } }",
        Box(note=TORN),
        {"note": None, "label": "box"},
        [("torn", ["note"])],
    ),
    "a null in a field that may not be": (
        "{ perhaps { maybe { note label } label } }",
        Box(maybe=Box(None)),
        {"maybe": None, "label": "box"},
        [(NULL.format("label"), ["maybe", "label"])],
    ),
    "an error in a field that may not be null": (
        "{ perhaps { maybe { note label } label } }",
        Box(maybe=Box(LOST)),
        {"maybe": None, "label": "box"},
        [("'lost'", ["maybe", "label"])],
    ),
    "a null after a long chain of what may not be null": (
        CHAIN,
        Box(maybe=Box(inside=Box(inside=Box(inside=Box(None))))),
        {"maybe": None, "label": "box"},
        [(NULL.format("label"), ["maybe", "inside", "inside", "inside", "label"])],
    ),
    "an error after a long chain of what may not be null": (
        CHAIN,
        Box(maybe=Box(inside=Box(inside=Box(inside=Box(TORN))))),
        {"maybe": None, "label": "box"},
        [("torn", ["maybe", "inside", "inside", "inside", "label"])],
    ),
    "nothing in the midst of such a chain": (
        CHAIN,
        Box(maybe=Box(inside=Box())),
        {"maybe": None, "label": "box"},
        [(NULL.format("inside"), ["maybe", "inside", "inside"])],
    ),
    "a chain that begins at the root": (
        "{ perhaps { inside { inside { label } } } }",
        Box(inside=Box(inside=Box(TORN))),
        None,
        [("torn", ["inside", "inside", "label"])],
    ),
    "errors in all the leaves of a tree that may be null": (
        "{ perhaps { note maybe { note loose { note } } loose { note maybe { note } } } }",
        Box(note=TORN, maybe=Box(note=LOST, loose=[Box(note=TORN)]), loose=[Box(note=LOST, maybe=Box(note=TORN))]),
        {
            "note": None,
            "maybe": {"note": None, "loose": [{"note": None}]},
            "loose": [{"note": None, "maybe": {"note": None}}],
        },
        [
            ("torn", ["loose", 0, "maybe", "note"]),
            ("'lost'", ["loose", 0, "note"]),
            ("torn", ["maybe", "loose", 0, "note"]),
            ("'lost'", ["maybe", "note"]),
            ("torn", ["note"]),
        ],
    ),
    "an error in one of a list's objects that may be null": (
        "{ perhaps { loose { label note } } }",
        Box(loose=[Box("a"), Box(TORN), Box("c", note=LOST), None]),
        {"loose": [{"label": "a", "note": None}, None, {"label": "c", "note": None}, None]},
        [("torn", ["loose", 1, "label"]), ("'lost'", ["loose", 2, "note"])],
    ),
    "an error in one of a list's objects that may not be null": (
        "{ perhaps { maybe { boxes { label } } note } }",
        Box(maybe=Box(boxes=[Box("a"), Box(TORN)])),
        {"maybe": None, "note": None},
        [("torn", ["maybe", "boxes", 1, "label"])],
    ),
    "an error below one list that takes along an object of another": (
        "{ perhaps { loose { boxes { inside { label } } } } }",
        Box(loose=[Box(boxes=[Box(inside=Box("a"))]), Box(boxes=[Box(inside=Box("b")), Box(inside=Box(None))])]),
        {"loose": [{"boxes": [{"inside": {"label": "a"}}]}, None]},
        [(NULL.format("label"), ["loose", 1, "boxes", 1, "inside", "label"])],
    ),
    "an object that is an error": (
        "{ perhaps { maybe { label } loose { label } } }",
        Box(maybe=TORN, loose=[Box("a"), LOST]),
        {"maybe": None, "loose": [{"label": "a"}, None]},
        [("'lost'", ["loose", 1]), ("torn", ["maybe"])],
    ),
    "the same field under two names": (
        "{ perhaps { a: note b: note maybe { c: label } } }",
        Box(note=TORN, maybe=Box(TORN)),
        {"a": None, "b": None, "maybe": None},
        [("torn", ["a"]), ("torn", ["b"]), ("torn", ["maybe", "c"])],
    ),
    "errors side by side, each with a null of its own": (
        "{ perhaps { a: maybe { label } b: maybe { inside { label } } c: maybe { note } } }",
        Box(maybe=Box(TORN, inside=Box(LOST), note="fine")),
        {"a": None, "b": None, "c": {"note": "fine"}},
        [("torn", ["a", "label"]), ("'lost'", ["b", "inside", "label"])],
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("claim", ERRORS)
async def test_an_error_makes_null_the_nearest_that_may_be(claim, way):
    text, box, expected, told = ERRORS[claim]

    answer = await both_ways(schema_of(way), text, lambda: box)

    assert answer.data == {"perhaps": expected}
    assert answer.told == [(message, ["perhaps", *path]) for message, path in told]
    assert answer.handed_back


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("box", "path"),
    [(Box(TORN), ["box", "label"]), (Box(inside=Box(TORN)), ["box", "inside", "label"]), (TORN, ["box"])],
    ids=str,
)
async def test_where_nothing_on_its_way_may_be_null_an_error_takes_all_the_data(box, path, way):
    text = "{ perhaps { note } box { note inside { label } label } }" if len(path) == 3 else "{ box { label } }"

    answer = await both_ways(schema_of(way), text, lambda: box)

    assert answer.data is None
    assert ("torn", path) in answer.told


# ── Several errors that leave the same null: any of them is told ──

RIVALS = {
    "two fields of one object": ("{ perhaps { maybe { a: label b: label note } } }", Box(maybe=Box(TORN))),
    "two objects of one list": (
        "{ perhaps { maybe { boxes { label } } } }",
        Box(maybe=Box(boxes=[Box(TORN), Box(LOST)])),
    ),
    "one below the other": ("{ perhaps { maybe { label inside { label } } } }", Box(maybe=Box(TORN, inside=Box(LOST)))),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("claim", RIVALS)
async def test_of_several_errors_that_leave_the_same_null_one_is_told(claim, way):
    text, box = RIVALS[claim]

    answer = await both_ways(schema_of(way), text, lambda: box)

    assert answer.data == {"perhaps": {"maybe": None}}
    assert answer.told
    assert all(path[:2] == ["perhaps", "maybe"] for _, path in answer.told)


@pytest.mark.parametrize("way", WAYS)
async def test_an_error_that_a_nulled_parent_hides_is_not_told_after_the_answer(way):
    box = Box(maybe=Box(TORN, loose=[Box(note=LOST, maybe=Box(LOST))]))

    answer = await both_ways(
        schema_of(way), "{ perhaps { maybe { label loose { maybe { label } note } } note } }", lambda: box
    )

    assert answer.data == {"perhaps": {"maybe": None, "note": None}}
    assert ("torn", ["perhaps", "maybe", "label"]) in answer.told


# ── What an error says ──


async def test_an_error_is_at_each_place_its_field_was_asked_for_in():
    text = """{
      perhaps { note }
      perhaps { note
        ...More
      }
    }
    fragment More on Box { note }"""

    answer = await both_ways(schema_of("plain"), text, lambda: Box(note=TORN))

    assert [each.formatted for each in answer.errors] == [
        {
            "message": "torn",
            "path": ["perhaps", "note"],
            "locations": [{"line": 2, "column": 17}, {"line": 3, "column": 17}, {"line": 7, "column": 28}],
        }
    ]


@pytest.mark.parametrize("way", WAYS)
async def test_an_error_keeps_its_extensions_and_what_caused_it(way):
    box = Box(note=GraphQLError("sealed", extensions={"code": "SEALED"}), maybe=Box(note=TORN))

    answer = await both_ways(schema_of(way), "{ perhaps { note maybe { note } } }", lambda: box)

    assert {str(each.path[1:]): each.extensions for each in answer.errors} == {
        "['note']": {"code": "SEALED"},
        "['maybe', 'note']": {},
    }
    assert {str(each.original_error) for each in answer.errors} == {"sealed", "torn"}


@pytest.mark.parametrize("way", WAYS)
async def test_an_error_that_has_a_path_keeps_it(way):
    box = Box(note=GraphQLError("elsewhere", path=["perhaps"]))

    answer = await both_ways(schema_of(way), "{ perhaps { note } }", lambda: box)

    assert answer.data == {"perhaps": {"note": None}}
    assert answer.told == [("elsewhere", ["perhaps"])]
