"""The page says what the report holds, needs nothing but itself, and stands odd reports."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import matplotlib
import pytest

from neurodeploy.report import sections
from neurodeploy.report.page import render
from tests.report.example import LAVA_SAMPLES, POTENTIAL, SPIKE, example
from tests.report.example_costs import latency
from tests.report.rendered import today, written

SECTIONS = (
    "verdict",
    "network",
    "accuracy",
    "classes",
    "certificate",
    "counts",
    "energy",
    "fit",
    "latency",
    "devices",
    "unpriced",
    "sources",
    "training",
    "raster",
    "weights",
    "recipe",
)
FILES = {"metrics.json", "checkpoint.safetensors", "quantised.safetensors", "model.nir", "program.npz"} | {
    "recipe.toml",
    "certificate.json",
    "counts.json",
    "report.json",
}
VOID = {"meta", "link", "br"}
INLINE = {"a", "b", "code", "data", "i", "span"}
"""Elements that no space stands around."""


class Page(HTMLParser):
    """Elements, ids and text of a page; complains about tags that do not close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._space(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._space(tag)

    def _space(self, tag: str) -> None:
        if tag not in INLINE:
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


@pytest.fixture(scope="module")
def html() -> str:
    return today()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def shown(report: dict[str, Any]) -> str:
    return Page(render(report)).text


def test_every_section_is_there_once_and_in_order(page: Page) -> None:
    ids = [attributes["id"] for tag, attributes in page.tags if tag in ("header", "section")]
    assert ids == list(SECTIONS)


def test_the_tile_of_fit_says_what_a_layer_needs_of_a_core(page: Page) -> None:
    assert "binding limit: lif1 needs 2,018,508 bits of synapse memory, a core has" in page.text
    report = example()
    report["fit"]["binding_limit"]["used"] = 60
    assert "fullest: lif1 needs 60 bits of synapse memory, a core has" in shown(report)


def test_every_picture_is_drawn(page: Page) -> None:
    # The network, accuracy, confusions, training, two rasters, three connections, spikes, synops, two strips; energy by
    # layer and by model, the map, the cores, the devices, the crossovers.
    assert sum(tag == "svg" for tag, _ in page.tags) == 19


def test_what_a_chip_runs_of_each_block_is_told_where_modules_are_known() -> None:
    stages = [
        {"stage": "block.0.attn", "accumulate only": 802816, "two activations": 1234, "neurons": "LIFNode, OR"},
        {"stage": "head", "accumulate only": 640, "two activations": None, "neurons": None},
    ]
    reason = {"what": "two activations", "reason": "no <chip> does", "change": 'model = "sdt"', "parts": ["block.0.q"]}
    report = copy.deepcopy(example()) | {"modules": {"ok": False, "stages": stages, "reasons": [reason]}}
    page = Page(render(report))
    assert ("a", {"href": "#modules"}) in page.tags
    assert "No chip of this kind runs all of it" in page.text
    assert "802,816 1,234 LIFNode, OR" in page.text
    assert 'no <chip> does; to change it: model = "sdt" block.0.q' in page.text
    whole = shown(report | {"modules": {"ok": True, "stages": stages, "reasons": []}})
    assert "Every part runs on a chip with graded messages" in whole
    assert "What a chip of this kind runs" not in shown(report | {"modules": {}})


def test_ids_are_unique_where_pictures_differ(html: str, page: Page) -> None:
    found = [
        attributes["id"] for tag, attributes in page.tags if tag not in ("clippath", "path") and "id" in attributes
    ]
    assert len(found) == len(set(found))
    targets = set(re.findall(r'(?:url\(|href=")#([\w-]+)', html))
    assert targets <= {attributes.get("id") for _, attributes in page.tags}


def test_the_page_needs_nothing_from_elsewhere(html: str, page: Page) -> None:
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html
    assert not {"iframe", "object", "embed", "img", "image"} & {tag for tag, _ in page.tags}
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    for _, attributes in page.tags:
        assert not attributes.keys() & {"src", "srcset", "onload", "onclick"}
        link = attributes.get("href") or "#"
        assert link.startswith(("#", "data:,")) or link in FILES


def test_the_verdict_names_the_four_numbers_and_where_they_come_from(page: Page) -> None:
    assert "small on loihi2" in page.text
    assert "PASSED" in page.text
    assert "FAILED" not in page.text
    assert "92.5 % 5.00 points lost against float (97.5 %) test part, 40 samples" in page.text
    assert "yes every spike, current and potential is equal test part, the first 8 samples" in page.text
    assert "63,687" in page.text
    assert "1.49 to 2.24 µJ dynamic; static 12.1 to 16 µJ; together 13.6 to 18.2 µJ" in page.text
    assert "of dynamic energy and 12.1 to 16 µJ of static energy, in " in page.text
    assert "3 cores on 1 chip of loihi2" in page.text
    assert "Latency per sample 17 to 26 µs 2.4 µs for a step" in page.text


def test_every_stage_has_its_accuracy_and_meaning(page: Page) -> None:
    for name, accuracy in example()["accuracy"].items():
        assert re.search(rf"\b{name}\b[^%]*? {100 * accuracy:.1f} %", page.text), name
    assert f"Lava runs the first {LAVA_SAMPLES} samples only" in page.text
    assert "99.997 %" in page.text


def test_rounding_without_fine_tuning_is_a_row_only_where_it_differs_from_the_chain() -> None:
    report = example()
    report["quantisation"]["fine_tuning"] = None
    assert "ptq" in [row["name"] for row in sections.stages(report)]
    report["accuracy"]["ptq"] = report["accuracy"]["quantised"]
    assert "ptq" not in [row["name"] for row in sections.stages(report)]


def test_training_names_the_epochs_kept(page: Page) -> None:
    assert "Training: kept epoch 5 of 5, 90.0 % on validation data." in page.text
    assert "Fine-tuning on the chip's grid: kept the weights it began with" in page.text


def test_the_raster_is_titled_with_label_and_prediction(page: Page) -> None:
    assert "Test sample 0: label one, prediction two (wrong)" in page.text
    assert "Test sample 7: label one, prediction one (right)" in page.text


def test_the_page_says_what_was_run_and_on_which_data(page: Page) -> None:
    assert "Made 2026-11-30 04:00 UTC" in page.text
    assert "digits (test); SHA-256 of samples and labels, as binned: 682aac633ec2" in page.text
    assert {attributes.get("href") for tag, attributes in page.tags if tag == "a"} >= FILES


def test_the_network_is_drawn_with_its_layers_and_connections(page: Page) -> None:
    assert "fc1 18 synapses" in page.text
    assert "lif1 4 neurons, 10.0 % spike" in page.text
    report = example()
    report["counts"]["connections"] += [report["counts"]["connections"][1] | {"name": "skip", "source": "input"}] * 2
    assert shown(report).count("skip 18 synapses") == 2


def test_every_class_has_its_accuracies_and_the_worst_confusion_is_named(page: Page) -> None:
    assert "zero 20 100.0 % 95.0 %" in page.text
    assert "Most often wrong: two taken for one (2), zero taken for one (1)." in page.text


def test_many_classes_are_drawn_without_numbers() -> None:
    report = example()
    row, n = report["classes"]["rows"][0], 40
    report["classes"] = {"rows": [row | {"name": f"c{at}"} for at in range(n)], "confusion": [[1] * n] * n}
    assert "Predictions stand in the order of the labels." in shown(report)


def test_what_passed_requires_is_told(page: Page) -> None:
    assert 'What "passed" requires Accuracy: every stage is at most 6 points below float' in page.text


def test_the_certificate_says_where_stages_part_and_that_the_equations_hold(page: Page) -> None:
    assert "spike of lif1 at input step 3, sample 16, neuron 5: found 0, expected 1" in page.text
    assert "lava against fixed 8 samples, spike agreement 100 % no difference" in page.text
    assert "every step is exactly what the graph's equations give" in page.text


def test_energy_names_every_source_and_what_is_not_priced(page: Page) -> None:
    for constant in example()["energy"]["constants"].values():
        assert constant["source"] in page.text
    assert "static (leakage) power" in page.text
    assert "barrier between chips (time)" in page.text


def test_what_a_run_did_not_measure_is_told_how_to_get() -> None:
    report = example() | {"fit": None, "latency": None, "devices": None}
    page = Page(render(written(report)))
    assert [one["id"] for tag, one in page.tags if tag in ("header", "section")] == list(SECTIONS)
    for words in ("Not for this chip: no limits of loihi2 are known", "Not in this report. neurodeploy bench"):
        assert words in page.text


def test_notes_recipe_and_version_close_the_page(page: Page) -> None:
    assert "a bias of 0.3 was rounded to 0.25" in page.text
    assert 'dataset = "digits"' in page.text
    assert "n_steps" not in page.text
    assert "neurodeploy 0.1.0" in page.text


def test_a_failed_certificate_shows_failed_and_every_reason() -> None:
    report = example()
    failures = ["fixed: the Program does not compute the graph", "lava: not bit-exact with fixed"]
    stages = report["certificate"]["stages"]
    stages[3]["equations"] = {"holds": False, "first_violation": POTENTIAL}
    stages[3]["overflows"]["lif1"]["wrapped"] = 3
    stages[4]["first_difference"] = POTENTIAL
    report["certificate"] |= {"passed": False, "failures": failures, "bit_exact": {"fixed/lava": False}}
    text = shown(report)
    assert "FAILED" in text
    assert "PASSED" not in text
    assert all(line in text for line in failures)
    found = "potential v of lif1 at chip step 4, sample 16, neuron 5: found 1200, expected 1201"
    assert f"the graph's equations do not allow {found}" in text
    assert f"no {found} test part, the first 8 samples" in text
    assert "3 currents wrapped" in text


def test_without_lava_nothing_is_claimed() -> None:
    report = example()
    report["certificate"]["stages"].pop()
    report["certificate"]["bit_exact"] = {}
    del report["accuracy"]["lava"]
    text = shown(report)
    assert "not run nothing is claimed" in text
    assert "Lava was not run." in text


def test_hostile_names_are_text() -> None:
    hostile = "<script>alert('$x^2$ & more')</script>"
    report = example()
    report["recipe"] |= {"name": hostile, "description": hostile}
    report["class_names"] = [hostile] * 3
    report["notes"] = [hostile]
    report["certificate"] |= {"passed": False, "failures": [hostile]}
    for rows in (
        report["plots"]["rasters"][0]["layers"],
        report["plots"]["weights"],
        report["counts"]["layers"],
        report["counts"]["connections"],
        report["energy"]["by_layer"],
        report["fit"]["layers"],
        *(stage["layers"] for stage in report["certificate"]["stages"][1:]),
    ):
        for row in rows:
            row["name"] = hostile
    for row in (*report["fit"]["core_list"], *report["latency"]["by_core"], *report["latency"]["by_layer"]):
        row["layer"] = hostile
    for row in (*report["devices"]["records"], *report["energy"]["constants"].values()):
        row |= {"device": hostile, "source": hostile, "written": hostile}
    report["fit"]["advice"][0] |= {"change": hostile, "effect": hostile}
    report["energy"]["unpriced"] = report["devices"]["notes"] = [hostile]
    for row in report["classes"]["rows"]:
        row["name"] = hostile
    html = render(report)
    assert html.count("<script") == 1
    assert Page(html).text.count(hostile) >= 10


def _plain(report: dict[str, Any]) -> None:
    """No recurrence, no fine-tuning, no plan, no names of classes, no notes; one epoch; every stage perfect."""
    report |= {"class_names": [], "notes": []}
    report["recipe"]["description"] = ""
    report["plots"]["weights"].pop(1)
    report["counts"]["connections"].pop(1)
    report["quantisation"] |= {"fine_tuning": None, "plan": {}}
    report["training"] |= {"epochs": report["training"]["epochs"][:1], "best_epoch": 0}
    for stage in report["certificate"]["stages"]:
        stage |= {"accuracy": 1.0, "accuracy_drop": 0.0, "first_difference": None}


def _silent(report: dict[str, Any]) -> None:
    """No spikes, no energy, no epochs, no sample right; a difference in a layer the strip does not have."""
    report["counts"] |= {"synops_per_sample": 0.0, "input_spikes_per_sample": 0.0, "spikes_per_sample": 0.0}
    for one in (*report["counts"]["connections"], *report["counts"]["layers"]):
        one |= {key: 0.0 for key in one if key.endswith("per_sample")}
    nothing = {"low": 0.0, "mid": 0.0, "high": 0.0}
    for model in report["energy"]["models"]:
        model |= {"total_j": 0.0, "terms": [term | {"count": 0.0, "energy_j": 0.0} for term in model["terms"]]}
    report["energy"] |= {"energy_j": nothing, "static_j": None}
    report["energy"]["by_layer"] = [row | nothing for row in report["energy"]["by_layer"]]
    report["latency"] |= {"latency_s": 0.0, "by_core": [row | {"step_s": 0.0} for row in report["latency"]["by_core"]]}
    report["devices"]["crossover"] |= {"rate_here": 0.0, "rate": 0.0, "verdict": "loses"}
    for layer in report["plots"]["rasters"][0]["layers"]:
        layer |= {"steps": [], "indices": []}
    report["training"] |= {"epochs": []}
    report["quantisation"]["fine_tuning"] = None
    for stage in report["certificate"]["stages"]:
        stage |= {"accuracy": 0.0, "accuracy_drop": 0.0}
    report["certificate"]["stages"][1]["first_difference"] = SPIKE | {"layer": "gone"}


def _unpriced(report: dict[str, Any]) -> None:
    """A chip without prices, times and limits that can be relied on; nothing else was measured."""
    report["energy"] |= {"energy_j": None, "models": [], "by_layer": [], "constants": {}, "static_j": None}
    report["latency"] |= {"latency_s": None, "latency_band_s": None, "step_s": None, "by_core": [], "by_layer": []}
    report["fit"] |= {"fits": False, "problems": ["a neuron is too large"], "cores": None, "chips": None}
    report["fit"] |= {"binding_limit": None, "limits": [], "layers": [], "core_list": []}
    report["devices"] |= {"records": [], "ann": None, "crossover": None, "notes": []}


def _deep(report: dict[str, Any]) -> None:
    for rows in (
        report["plots"]["rasters"][0]["layers"],
        report["counts"]["layers"],
        report["counts"]["connections"],
        report["certificate"]["stages"][1]["layers"],
        report["energy"]["by_layer"],
    ):
        rows += [copy.deepcopy(rows[-1]) | {"name": f"more{index}"} for index in range(12)]
    steps = [step for step in range(100) for _ in range(128)]
    busy = {"neurons": 700, "steps": steps, "indices": list(range(128)) * 100}
    report["plots"]["rasters"][:] = report["plots"]["rasters"][:1]
    report["plots"]["rasters"][0]["layers"][0] |= busy
    report["plots"]["rasters"][0]["steps"] = 102
    report["latency"] = latency(300)


def _thinned(text: str) -> bool:
    return "Not every neuron is drawn" in text and "first 128 drawn" in text


@pytest.mark.parametrize("change", [_plain, _silent, _unpriced, _deep])
def test_odd_reports_make_whole_pages(change: Callable[[dict[str, Any]], None]) -> None:
    report = example()
    change(report)
    html = render(report)
    assert len(html) < 600_000
    page = Page(html)
    assert {attributes.get("id") for _, attributes in page.tags} >= set(SECTIONS)
    assert "None" not in page.text
    assert "nan" not in page.text
    assert _thinned(page.text) == (change is _deep)


def test_the_same_report_gives_the_same_bytes_and_stays_as_it_was(html: str) -> None:
    report = example()
    with matplotlib.rc_context({"font.size": 30, "axes.linewidth": 9}):
        assert render(report) == html
        assert matplotlib.rcParams["font.size"] == 30
    assert report == example()
