"""What the options of a survey may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neurodeploy.errors import RecipeError, nearest
from neurodeploy.networks.families.silif import PUBLISHED
from neurodeploy.phrases import Phrase
from neurodeploy.quantize.grid import MAX_WEIGHT_BITS, MIN_WEIGHT_BITS


def published_models(networks: Sequence[str] | None) -> list[str]:
    """Return the published models that are meant, all where none is named.

    Raises:
        RecipeError: one is not published.
    """
    names = list(PUBLISHED) if networks is None else models(networks)
    unknown = next((name for name in names if name not in PUBLISHED), None)
    if unknown is not None:
        raise RecipeError(f"{unknown!r} is not published", nearest(unknown, PUBLISHED), option="networks")
    return names


def models(networks: Sequence[str]) -> list[str]:
    """Return the models that are meant, as recipes call them: C-SiLIF is csilif.

    Raises:
        RecipeError: none is named.
    """
    names = list(dict.fromkeys(name.strip().lower().replace("-", "") for name in networks))
    if not any(names):
        raise RecipeError(Phrase("found none, name at least one, e.g. {networks:silif,csilif}"), option="networks")
    return names


def widths(bits: Sequence[int]) -> list[int]:
    """Return the widths of weights, rising.

    Raises:
        RecipeError: there is none, or one that the chip does not have.
    """
    wrong = next((one for one in bits if not MIN_WEIGHT_BITS <= one <= MAX_WEIGHT_BITS), None)
    if wrong is not None or not bits:
        found = "none" if wrong is None else wrong
        raise RecipeError(
            f"found {found}, {MIN_WEIGHT_BITS} to {MAX_WEIGHT_BITS} are allowed",
            Phrase("e.g. {bits:4,8}"),
            option="bits",
        )
    return sorted(set(bits))


def checked_seeds(seeds: Sequence[int] | None, usual: tuple[int, ...]) -> tuple[int, ...]:
    """Return the seeds, or the usual ones.

    Raises:
        RecipeError: there is none, twice the same, or one that no generator takes.
    """
    found = tuple(usual if seeds is None else seeds)
    wrong = next((one for one in found if not 0 <= one < 1 << 32), None)
    if wrong is not None or not found:
        raise RecipeError(
            f"found {'none' if wrong is None else wrong}", option="seeds", allowed="whole numbers from 0 are needed"
        )
    twice = next((one for one in found if found.count(one) > 1), None)
    if twice is not None:
        raise RecipeError(f"{twice} is there twice", "name each seed once", option="seeds")
    return found


def none_of(why: str, **given: Any) -> None:
    """Check that options that mean nothing here are left out.

    Raises:
        RecipeError: one is given.
    """
    odd = next((name for name, value in given.items() if value is not None), None)
    if odd is not None:
        raise RecipeError(why, "leave it out", option=odd)
