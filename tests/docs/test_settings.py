"""The reference of settings is made of their descriptions, so each has one."""

from __future__ import annotations

import pytest

from neurodeploy.networks.families.table import FAMILIES
from neurodeploy.recipes import Recipe

TABLES = {name: field.annotation for name, field in Recipe.model_fields.items() if name != "network"} | {
    f"network, {name}": family.settings for name, family in FAMILIES.items()
}
NAMES = {"family", "dataset"}
"""Settings that say themselves what they are; the pages list their values."""


@pytest.mark.parametrize("table", TABLES)
def test_every_setting_says_what_it_is(table: str) -> None:
    fields = getattr(TABLES[table], "model_fields", {})
    assert [name for name, field in fields.items() if not field.description and name not in NAMES] == []
