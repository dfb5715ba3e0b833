"""What plans answer is what graphql-core answers, whatever the schema, the document and the data.

Hypothesis draws the documents, choice by choice, and makes those that fail small. Schemas and data are each of a seed:
of all that they consist of, a small document reads little.
"""

import os
import random
from collections import Counter
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, assume, given, note, seed, settings
from hypothesis import strategies as st

from tests.gateway.execution.comparing import Pair
from tests.gateway.execution.random_schemas import SCOPES, Data, Document, RandomSchema

SEED = int(os.environ.get("SEED") or 20261121)
# Where graphql-core gives up one of several tasks before it began, what the task was to await never is.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SCHEMAS_KEPT = 100  # So many that making a case smaller need not build them again.
EXAMPLES, SOAK_EXAMPLES = 60, 2_000
EXECUTIONS = 12  # Of one document; from the second on there are plans.
WRONG = (0.0, 0.005, 0.02, 0.05, 0.1, 0.2)
RIGHTS = (frozenset(SCOPES), frozenset(SCOPES), frozenset(SCOPES[:1]), frozenset())

seeds = st.integers(0, 2**32)
counted: Counter[str] = Counter()


@lru_cache(SCHEMAS_KEPT)
def pair_of(schema: int) -> Pair:
    return Pair(RandomSchema(schema))


async def equal(schema: int, choices: random.Random, values: int) -> None:
    """Compare executions of one document, each over other data, with few wrong values in them or with many."""
    pair = pair_of(schema)
    document = Document(pair.schema, choices)
    ready = pair.ready(document)
    assume(ready)
    pair.handed_back.clear()
    for number in range(EXECUTIONS):
        data = Data(pair.schema, random.Random(values + number), WRONG[number % len(WRONG)])
        variables, rights = document.variables(number % 3), RIGHTS[number % len(RIGHTS)]
        note(f"schema {schema}, data {values + number}, variables {variables}, rights {sorted(rights)}: {document}")
        has_errors = await pair.compare(ready, data, variables, rights)
        counted.update({"executions": 1, "with errors": has_errors})
    counted.update(pair.handed_back)


def drawing(examples: int):
    unhurried = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    cases = given(seeds, st.randoms(use_true_random=False), seeds)
    return lambda test: unhurried(seed(SEED)(cases(test)))


@drawing(EXAMPLES)
async def test_plans_answer_what_graphql_core_answers(schema, choices, values):
    await equal(schema, choices, values)


@pytest.mark.soak
@drawing(SOAK_EXAMPLES)
async def test_plans_answer_what_graphql_core_answers_for_many_schemas(schema, choices, values):
    await equal(schema, choices, values)


@pytest.fixture(autouse=True)
def told():
    """With pytest -s: how much was compared."""
    counted.clear()
    yield
    print(f"seed {SEED}: {dict(counted)}")  # noqa: T201
