"""`neurodeploy recipes`."""

from __future__ import annotations

from neurodeploy.cli.options import Json
from neurodeploy.cli.show import emit, table


def recipes(as_json: Json = False) -> int:
    """List the shipped recipes."""
    from neurodeploy.verbs.listing import list_recipes as call

    found = call()
    rows = [[name, one["recipe"]["data"]["dataset"], one["description"]] for name, one in found.items()]
    emit({"recipes": found}, table(["recipe", "data", "what"], rows), as_json=as_json)
    return 0
