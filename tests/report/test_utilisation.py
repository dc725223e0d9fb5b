"""The map of the cores: a tile for each, by chip and layer."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.placement import place
from neurodeploy.mapping.placement.placement import described
from neurodeploy.report.printed import save_picture
from neurodeploy.report.utilisation import draw_utilisation, utilisation_map
from tests.mapping.placement.networks import dense, diagonal

LOIHI1 = chip_named("loihi1")


def test_every_core_has_a_tile_with_its_share() -> None:
    fit = described(place(dense(700, 512, 512, 35), LOIHI1))
    svg = utilisation_map(fit)
    ElementTree.fromstring(svg)
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    layers = {one["name"]: one for one in fit["layers"]}
    for core in fit["core_list"]:
        share = core["utilisation"][layers[core["layer"]]["binding"]]
        assert f"{100 * share:.0f}" in texts
    assert len([text for text in texts if text.isdigit()]) == fit["cores"]
    assert {"lif1", "lif2", "lif3", "4 cores, synapses", "1 core, synapses"} <= set(texts)
    assert "#0" not in svg.replace("#p", "")  # stand-in colours have become the page's


def test_several_chips_have_their_heading() -> None:
    chip = replace(
        LOIHI1, limits={**LOIHI1.limits, "cores_per_chip": replace(LOIHI1.limits["cores_per_chip"], value=2.0)}
    )
    svg = utilisation_map(described(place(diagonal(3000), chip)))
    assert "chip 0: 2 cores" in svg
    assert "chip 1: 1 cores" not in svg
    assert "chip 1: 1 core" in svg


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_map_of_many_cores_is_a_file(suffix: str, tmp_path: Path) -> None:
    chip = replace(
        LOIHI1, limits={**LOIHI1.limits, "neurons_per_core": replace(LOIHI1.limits["neurons_per_core"], value=4.0)}
    )
    fit = described(place(diagonal(520), chip))
    assert (fit["cores"], fit["chips"]) == (130, 2)
    for name in ("one", "two"):
        save_picture(draw_utilisation(fit), tmp_path / f"{name}{suffix}")
    one, two = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("one", "two"))
    assert one == two
    assert len(one) < 400_000
