"""What fails half-way, and whoever goes before the answer: told as graphql-core tells it, and nothing left behind."""

import asyncio
import gc
import weakref
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import parse, subscribe
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution import compiled_executor
from tests.gateway.execution.both_ways import a_host, both_ways, executed
from tests.gateway.execution.garden import (
    SCHEMA,
    STEPS,
    Garden,
    a_bed,
    executor_that_knows,
    request,
    settled,
)


@pytest.fixture(autouse=True, scope="module")
def _what_was_there_before_is_not_looked_through():
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _nothing_is_found_left_behind():
    """What was never awaited, and whose error nobody heard, is told when it is collected; warnings are errors."""
    yield
    gc.collect()


def either_way(waits: dict[str, str]) -> list[tuple[str, bool]]:
    """Claims, by plans and without, by the step that waits in them for ever.

    Strawberry's loader runs its batch in a task of its own, which nobody ends: there only plans leave nothing running.
    """
    return [(claim, how) for claim, step in waits.items() for how in (True, False) if how or step != "keeper"]


# ── A step that fails, at each level ──

TEXT = "{ beds { soil weather flowers keeper { name } beds { name } } }"
WHOLE = {
    "soil": "clay",
    "weather": "fair",
    "flowers": ["flower 0", "flower 1"],
    "keeper": {"name": "keeper 1"},
    "beds": [{"name": "bed 11"}],
}


@pytest.mark.parametrize("step", ["soil", "weather", "flowers", "keeper"])
async def test_a_resolver_that_fails_leaves_a_null_and_all_the_rest(step):
    garden = {"beds": [a_bed(1, a_bed(11))], "failing": {step}}

    answer = await both_ways(SCHEMA, TEXT, lambda: Garden(**garden))

    assert answer.data == {"beds": [WHOLE | {step: None}]}
    assert answer.told == [(f"{step} failed", ["beds", 0, step])]
    # An async generator is no common list, so it is given back as well.
    assert {name for name, _ in answer.handed_back} == {"Bed.flowers", f"Bed.{step}"}


NEEDED = {
    "root": ("{ beds { name } }", ["beds"]),
    "beds": ("{ beds { beds { name } weather flowers } }", ["beds", 0, "beds"]),
    "soil": ("{ beds { weather keeper { name } soilNeeded } }", ["beds", 0, "soilNeeded"]),
    "weather": ("{ beds { beds { beds { name } weatherNeeded } } }", ["beds", 0, "beds", 0, "weatherNeeded"]),
    "keeper": ("{ beds { weather keeperNeeded { name } flowers } }", ["beds", 0, "keeperNeeded"]),
}


@pytest.mark.parametrize("step", NEEDED)
async def test_a_resolver_that_fails_where_something_must_be_leaves_nothing(step):
    text, path = NEEDED[step]
    garden = {"beds": [a_bed(1, a_bed(11))], "failing": {step}}

    answer = await both_ways(SCHEMA, text, lambda: Garden(**garden))

    assert answer.data == {"beds": None}
    assert answer.told == [(f"{step} failed", path)]


# What fails and must not, beside what waits for ever.
RIVALS = {
    "a resolver beside a batch": ("weather", "keeper", "{ beds { keeper { name } weatherNeeded } }"),
    "a batch beside a resolver": ("keeper", "weather", "{ beds { weather keeperNeeded { name } } }"),
    "a resolver beside what graphql-core completes": ("beds", "flowers", "{ beds { flowers beds { name } } }"),
    "what is below one resolver beside another": ("weather", "flowers", "{ beds { flowers beds { weatherNeeded } } }"),
}


@pytest.mark.parametrize(("claim", "compiled"), either_way({name: waits for name, (_, waits, _) in RIVALS.items()}))
async def test_what_waits_for_ever_is_given_up_where_nothing_of_it_would_be_seen(claim, compiled):
    fails, waits, text = RIVALS[claim]
    document, beds = parse(text), [a_bed(1, a_bed(11)), a_bed(2)]
    executor = await executor_that_knows(document, compiled=compiled, beds=beds)
    garden = Garden(beds, failing={fails}, shut={waits})

    result = await asyncio.wait_for(executed(SCHEMA, document, executor, garden, {}), timeout=5)

    assert result.data == {"beds": None}
    assert [each.message for each in result.errors] == [f"{fails} failed"]
    assert not +garden.running


async def test_work_below_a_null_goes_on_unseen_and_its_errors_are_not_told():
    garden = {"beds": [a_bed(1, a_bed(11), a_bed(12))], "failing": {"soil", "weather"}}

    answer = await both_ways(SCHEMA, "{ beds { beds { soilNeeded weather flowers } } }", lambda: Garden(**garden))

    assert answer.data == {"beds": None}
    assert ("soil failed", ["beds", 0, "beds", 0, "soilNeeded"]) in answer.told


# ── A batch that fails, for all keys or for some ──


class Torn(dict):
    def get(self, key: Any, default: Any = None) -> Any:
        if key == 2:
            raise KeyError("page 2 is torn out")
        return super().get(key, default)


def nobody(_keys: list[Any]) -> Any:
    raise OSError("the book is lost")


ANN = SimpleNamespace(name="Ann")
LOST = "the book is lost"
# What a batch answers for the keys 1, 2 and 3, of whom each is told what, and the errors for the others.
BATCHES: dict[str, tuple[Callable[[list[Any]], Any], list[Any], list[Any]]] = {
    "all keys": (lambda keys: dict.fromkeys(keys, ANN), ["Ann"] * 3, []),
    "keys nobody asked for": (lambda keys: dict.fromkeys([*keys, 4, 5, None], ANN), ["Ann"] * 3, []),
    "no keys": (lambda _: {}, [None] * 3, []),
    "some keys": (lambda _: {2: ANN}, [None, "Ann", None], []),
    "a null for one": (lambda _: {1: ANN, 2: None, 3: ANN}, ["Ann", None, "Ann"], []),
    "an error for one": (
        lambda _: {1: ANN, 2: PermissionError("sealed"), 3: ANN},
        ["Ann", None, "Ann"],
        [("sealed", 1)],
    ),
    "the same error for all": (
        lambda keys: dict.fromkeys(keys, OSError(LOST)),
        [None] * 3,
        [(LOST, 0), (LOST, 1), (LOST, 2)],
    ),
    "an error": (nobody, [None] * 3, [(LOST, 0), (LOST, 1), (LOST, 2)]),
    "no mapping": (
        lambda keys: keys,
        [None] * 3,
        [("'list' object has no attribute 'get'", each) for each in range(3)],
    ),
    "nothing": (lambda _: None, [None] * 3, [("'NoneType' object has no attribute 'get'", each) for each in range(3)]),
}


@pytest.mark.parametrize("claim", BATCHES)
async def test_a_batch_fails_for_whom_it_fails(claim):
    keepers, expected, errors = BATCHES[claim]
    beds = [a_bed(1), a_bed(2), a_bed(3), a_bed(None), a_bed(1)]

    answer = await both_ways(SCHEMA, "{ beds { keeper { name } name } }", lambda: Garden(beds, keepers=keepers))

    found = [each["keeper"] and each["keeper"]["name"] for each in answer.data["beds"]]
    assert found == [*expected, None, expected[0]]
    again = [(message, 4) for message, bed in errors if bed == 0]
    assert answer.told == [(message, ["beds", bed, "keeper"]) for message, bed in errors + again]
    assert set(answer.handed_back) == ({("Bed.keeper", "fault")} if errors else set())


@pytest.mark.parametrize("claim", BATCHES)
async def test_a_batch_that_fails_for_one_who_must_have_it_leaves_nothing(claim):
    keepers, expected, _ = BATCHES[claim]
    beds = [a_bed(1), a_bed(2), a_bed(3)]

    answer = await both_ways(
        SCHEMA, "{ beds { weather keeperNeeded { weather name } } }", lambda: Garden(beds, keepers=keepers)
    )

    assert bool(answer.data["beds"]) is all(expected)
    assert bool(answer.told) is not all(expected)


async def test_a_mapping_that_fails_for_one_key_fails_for_that_key_alone():
    """Where graphql-core's loader would fail for all of them."""
    document, executor = parse("{ beds { keeper { name } } }"), compiled_executor(a_host([]))
    gardens = [Garden([a_bed(1), a_bed(2)], keepers=lambda keys: Torn(dict.fromkeys(keys, ANN))) for _ in range(2)]

    *_, result = [await executed(SCHEMA, document, executor, each, {}) for each in gardens]

    assert result.data == {"beds": [{"keeper": {"name": "Ann"}}, {"keeper": None}]}
    assert [each.path for each in result.errors] == [["beds", 1, "keeper"]]


# ── Whoever asked is gone ──

GONE_TEXT = """{ beds {
    soil weather flowers keeper { name weather }
    beds { weather keeper { name } soil flowers beds { weather } }
} }"""


@pytest.mark.parametrize(("shut", "compiled"), either_way({step: step for step in STEPS}))
async def test_whoever_goes_while_a_step_waits_leaves_nothing_running(shut, compiled):
    document, garden, before = parse(GONE_TEXT), Garden(shut={shut}), asyncio.all_tasks()
    executor = await executor_that_knows(document, compiled=compiled)
    asked = asyncio.ensure_future(request(document, executor, garden))
    await garden.waits.wait()
    await settled()
    assert garden.running[shut]

    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked

    assert asyncio.all_tasks() == before
    assert not +garden.running


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_whoever_goes_at_any_moment_leaves_nothing_running():
    """A task that is given up before its first step never awaits what it was made of, with graphql-core as well."""
    document, before = parse(GONE_TEXT), asyncio.all_tasks()
    executor = await executor_that_knows(document, compiled=True)
    was_done = False

    for turns in range(60):
        garden = Garden()
        asked = asyncio.ensure_future(request(document, executor, garden))
        for _ in range(turns):
            await asyncio.sleep(0)
        was_done = asked.done()
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)

        assert asyncio.all_tasks() == before
        assert not +garden.running
    assert was_done
    gc.collect()


async def test_one_who_goes_does_not_take_others_along():
    document = parse(GONE_TEXT)
    executor = await executor_that_knows(document, compiled=True)
    garden = Garden(shut={"weather"})
    gone, stays = (asyncio.ensure_future(request(document, executor, each)) for each in (garden, Garden()))
    await garden.waits.wait()

    gone.cancel()
    result = await stays

    assert result.errors is None
    assert len(result.data["beds"]) == 3
    await asyncio.gather(gone, return_exceptions=True)


ENDINGS = {"well": {}, "with an error": {"failing": {"weather", "keeper"}}, "never": {"shut": {"keeper"}}}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_nothing_of_a_request_is_kept_with_the_plans(ending):
    document = parse(GONE_TEXT)
    executor = await executor_that_knows(document, compiled=True)
    garden = Garden(**ENDINGS[ending])
    context, bed = weakref.ref(garden), weakref.ref(garden.beds[0])
    asked = asyncio.ensure_future(request(document, executor, garden))
    await settled()

    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    del garden, asked
    await settled()
    gc.collect()

    assert context() is None
    assert bed() is None


# ── Whoever followed events is gone ──

FOLLOWING = "subscription { days { name weather keeper { name } flowers } }"


async def follow(executor: type, garden: Garden) -> Any:
    document = parse(FOLLOWING)
    return await subscribe(SCHEMA, document, context_value=garden, executor_class=executor)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("events", [1, 3])
async def test_whoever_stops_following_closes_the_source(events, compiled):
    garden, before = Garden(), asyncio.all_tasks()
    stream = await follow(compiled_executor(a_host([])) if compiled else StrawberryGraphQLCoreExecutionContext, garden)

    results = [await anext(stream) for _ in range(events)]
    await stream.aclose()

    assert [each.errors for each in results] == [None] * events
    assert garden.running["closed"] == 1
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("shut", ["days", "weather", "flowers", "keeper"])
async def test_whoever_goes_in_the_midst_of_an_event_leaves_nothing_running(shut):
    garden, before = Garden(), asyncio.all_tasks()
    stream = await follow(compiled_executor(a_host([])), garden)
    for _ in range(2):
        await anext(stream)
    garden.shut = {shut}
    following = asyncio.ensure_future(anext(stream))
    await garden.waits.wait()
    await settled()

    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    await stream.aclose()

    assert garden.running["closed"] == 1
    assert asyncio.all_tasks() == before
    assert +garden.running == Counter(closed=1)


async def test_an_event_that_fails_is_told_and_the_next_one_comes():
    garden = Garden()
    stream = await follow(compiled_executor(a_host([])), garden)
    results = []

    for failing in ((), ("weather",), ()):
        garden.failing = failing
        results.append(await anext(stream))
    garden.failing = ("days",)
    with pytest.raises(ValueError, match="days failed"):
        await anext(stream)

    assert [[each.path for each in result.errors or ()] for result in results] == [[], [["days", "weather"]], []]
    assert [each.data["days"]["name"] for each in results] == ["bed 1"] * 3
    assert garden.running["closed"] == 1
