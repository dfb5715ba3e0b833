"""The packages' names are common words, and none of them may ever be somebody else's."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("schema", "resolvers", "domain", "persistence", "gateway")
NEVER_FROM_AN_INDEX = {*PACKAGES, "dataloader"}
REQUIREMENTS = sorted((CHECKOUT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imported_outside_the_checkout_is_ours(package, tmp_path):
    where = f"import importlib.util; print(importlib.util.find_spec({package!r}).origin)"

    found = subprocess.run(
        [sys.executable, "-I", "-c", where], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert Path(found.stdout.strip()) == CHECKOUT / package / "__init__.py"


@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=lambda file: file.stem)
def test_requirements_name_no_url_and_no_path(requirements):
    assert "/" not in requirements.read_text()


@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=lambda file: file.stem)
def test_every_requirement_is_pinned_and_hashed(requirements):
    for requirement in _requirements(requirements):
        assert re.match(r"[a-z0-9.-]+(\[[a-z0-9,-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", requirement)


@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=lambda file: file.stem)
def test_no_requirement_takes_the_name_of_a_package_of_ours(requirements):
    names = {re.split(r"[\[=]", requirement)[0] for requirement in _requirements(requirements)}

    assert names
    assert names.isdisjoint(NEVER_FROM_AN_INDEX)


def _requirements(file: Path) -> list[str]:
    lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", "").splitlines()
