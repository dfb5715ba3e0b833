"""What is said about the settings is what the settings are."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import AliasChoices

CHECKOUT = Path(__file__).parents[2]

if not (CHECKOUT / "gateway" / "settings.py").exists():
    pytest.skip("gateway/settings.py is not written yet.", allow_module_level=True)


def test_every_setting_is_documented_and_every_documented_setting_exists():
    assert _named_in("docs/configuration.md") == _settings()


def test_the_containers_set_only_what_is_a_setting():
    assert _named_in("compose.yaml") <= _settings()
    assert _named_in("Dockerfile") <= _settings()


def _named_in(file: str) -> set[str]:
    path = CHECKOUT / file
    return set(re.findall(r"\bORDERLOOM_[A-Z0-9_]+\b", path.read_text())) if path.exists() else set()


def _settings() -> set[str]:
    settings = import_module("gateway.settings").Settings
    prefix = settings.model_config.get("env_prefix", "")
    names = set()
    for name, field in settings.model_fields.items():
        match field.validation_alias:
            case None:
                names.add(f"{prefix}{name}".upper())
            case AliasChoices(choices=choices):
                names.update(str(choice).upper() for choice in choices)
            case alias:
                names.add(str(alias).upper())
    return names
