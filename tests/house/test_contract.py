"""What is served keeps the public contract: nothing of it is changed, and what is missing is listed, ever less of it.

`docs/contract.graphql` is the contract, `docs/contract-gaps.txt` what is not served yet. After serving more:
`python -m tests.house.test_contract` writes the gaps anew; the file only shrinks.
"""

from pathlib import Path

from graphql import GraphQLSchema, build_schema
from graphql.utilities import find_breaking_changes

from tests.shop import whole_schema

DOCS = Path(__file__).parents[2] / "docs"
CONTRACT, GAPS, SERVED = DOCS / "contract.graphql", DOCS / "contract-gaps.txt", DOCS.parent / "schema/schema.graphql"


def served_sdl() -> str:
    return whole_schema().as_str() + "\n"


def gaps(contract: GraphQLSchema, served: GraphQLSchema) -> list[str]:
    """What a client of the contract would miss, a sentence each."""
    return sorted({change.description for change in find_breaking_changes(contract, served)})


def current_gaps() -> list[str]:
    return gaps(build_schema(CONTRACT.read_text()), build_schema(served_sdl(), assume_valid=True))


def test_what_is_missing_of_the_contract_is_listed_and_nothing_else_is():
    assert current_gaps() == GAPS.read_text().splitlines()


def test_only_absence_is_a_gap_as_what_is_served_is_served_as_promised():
    listed = GAPS.read_text().splitlines()
    changed = [gap for gap in listed if not gap.endswith("was removed.") and "removed from" not in gap]

    assert changed == []


def test_the_printed_schema_is_the_one_that_is_served():
    """Every change of the schema is a diff that a reviewer sees."""
    assert SERVED.read_text() == served_sdl()


if __name__ == "__main__":
    GAPS.write_text("\n".join(current_gaps()) + "\n")
    SERVED.write_text(served_sdl())
