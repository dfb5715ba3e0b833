"""What plans answer is what graphql-core answers, whatever the schema, the document and the data."""

import asyncio
import os

import pytest

from tests.gateway.execution.comparing import Difference, Pair, smaller
from tests.gateway.execution.random_schemas import SCOPES, RandomSchema

SEED = int(os.environ.get("SEED") or 20261121)
# Where graphql-core gives up one of several tasks before it began, what the task was to await never is.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WRONG = (0.0, 0.005, 0.02, 0.05, 0.1, 0.2)
RIGHTS = (frozenset(SCOPES), frozenset(SCOPES), frozenset(SCOPES[:1]), frozenset())


async def equal(schemas: range, documents: int, executions: int) -> dict[str, int]:
    """Compare executions of random documents of each schema; says how many there were, and of what kind."""
    counted = {"executions": 0, "with errors": 0}
    for seed in schemas:
        schema = RandomSchema(seed)
        pair = Pair(schema)
        for document_seed in range(documents):
            document = schema.document(document_seed)
            parsed = pair.valid(document)
            if parsed is None:
                continue
            for number in range(executions):
                data_seed = document_seed * executions + number
                data = schema.data(data_seed, WRONG[number % len(WRONG)])
                case = (data, document.variables(data_seed % 3), RIGHTS[data_seed % len(RIGHTS)])
                try:
                    has_errors = await pair.compare(parsed, *case)
                except (Exception, asyncio.CancelledError) as difference:
                    where = f"schema {seed}, document {document_seed}, data {data_seed}"
                    text = await smaller(pair, document, lambda case=case: _fails(pair, document, case))  # noqa: B023
                    raise Difference(f"{where}: {difference}\nSmallest document: {text}") from difference
                counted["executions"] += 1
                counted["with errors"] += has_errors
        for reason, count in pair.handed_back.items():
            counted[reason] = counted.get(reason, 0) + count
    return counted


async def _fails(pair, document, case) -> bool:
    parsed = pair.valid(document)
    if parsed is None:
        return False
    try:
        for _ in range(2):  # The first time there is no plan yet.
            await pair.compare(parsed, *case)
    except (Exception, asyncio.CancelledError):  # noqa: BLE001  (whatever it was, it is a failure still)
        return True
    return False


async def test_plans_answer_what_graphql_core_answers():
    counted = await equal(range(SEED, SEED + 20), documents=8, executions=6)

    print(counted)  # noqa: T201  (pytest -s shows it)
    assert counted["executions"] > 300
    assert 0.1 < counted["with errors"] / counted["executions"] < 0.9


@pytest.mark.soak
async def test_plans_answer_what_graphql_core_answers_for_many_schemas():
    counted = await equal(range(SEED, SEED + 400), documents=12, executions=6)

    print(counted)  # noqa: T201  (pytest -s shows it)
    assert counted["executions"] > 20_000
