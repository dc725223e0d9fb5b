"""Every number of the page is in report.json and reads as its value; every constant has a source."""

from __future__ import annotations

import re
from typing import Any

import pytest

from neurodeploy.report import marked
from neurodeploy.report.sources import Sources
from neurodeploy.report.utilisation import utilisation_map
from tests.report.example import example
from tests.report.numbers import Numbers, Shown, problems, reads_right
from tests.report.rendered import today, written


@pytest.fixture(scope="module")
def html() -> str:
    return today()


def test_every_number_of_the_page_is_in_the_report(html: str) -> None:
    assert problems(html, example()) == []
    assert len(Numbers(html).marked) > 200


@pytest.mark.parametrize(
    "path",
    [
        ("counts", "synops_per_sample"),
        ("counts", "by_convention", "rate_x_macs"),
        ("energy", "energy_j", "high"),
        ("energy", "by_layer", 0, "mid"),
        ("energy", "models", 1, "terms", 0, "energy_j"),
        ("fit", "cores"),
        ("latency", "latency_band_s", "low"),
        ("latency", "by_core", 1, "step_s"),
        ("devices", "records", 0, "energy_per_sample_j"),
        ("devices", "crossover", "rate_here"),
        ("certificate", "stages", 3, "accuracy"),
    ],
    ids=lambda path: ".".join(map(str, path)),
)
def test_a_number_that_the_report_lacks_is_found(html: str, path: tuple[str | int, ...]) -> None:
    report: Any = written(example())
    here = report
    for step in path[:-1]:
        here = here[step]
    was = here[path[-1]]
    for holder in _holders(report):
        for key in [key for key, value in _items(holder) if type(value) is type(was) and value == was]:
            holder[key] = 987654321.5
    assert any(f"value={float(was)}" in line for line in problems(html, report))


def _items(holder: Any) -> list[tuple[Any, Any]]:
    return list(holder.items() if isinstance(holder, dict) else enumerate(holder))


def _holders(value: Any) -> list[Any]:
    found = [value] if isinstance(value, dict | list) else []
    for _, inner in _items(value) if found else []:
        found += _holders(inner)
    return found


@pytest.mark.parametrize("loose", ["<p>about 7 % more</p>", "<svg><text>3.2</text></svg>"])
def test_a_number_without_its_value_is_found(html: str, loose: str) -> None:
    assert len(problems(html.replace("</main>", loose + "</main>"), example())) == 1


def test_a_number_that_reads_otherwise_than_its_value_is_found(html: str) -> None:
    changed = html.replace(">63,687</data>", ">63,867</data>")
    assert changed != html
    assert problems(changed, example())


@pytest.mark.parametrize(
    ("html", "right"),
    [
        (marked.percent(0.97493), True),
        (marked.percent(0.000123), True),
        (marked.points(-0.0028), True),
        (marked.count(1234567.8), True),
        (marked.count(0.0123), True),
        (marked.energy(9.996e-7), True),
        (marked.seconds(2.5), True),
        (marked.agreement(0.9999741), True),
        (marked.mark("1.45 µJ", 1.46e-6), False),
        (marked.mark("12", 13), False),
        (marked.mark("5", 4, "ordinal"), True),
        (marked.mark("4", 4, "ordinal"), False),
    ],
)
def test_words_and_values_are_held_against_each_other(html: str, right: bool) -> None:
    (one,) = Numbers(html).marked
    assert reads_right(one) is right


def test_the_map_of_several_chips_counts_the_cores_of_each() -> None:
    report = written(example())
    (first, *_) = report["fit"]["core_list"]
    cores = [first | {"core": core, "chip": core // 8, "layer": "lif2" if core > 9 else "lif1"} for core in range(12)]
    report["fit"] |= {"chips": 2, "core_list": cores}
    picture = utilisation_map(report["fit"])
    assert problems(picture, report) == []
    assert {"chip 0: 8 cores", "chip 1: 4 cores"} <= {one.text for one in Numbers(picture).marked}
    report["fit"]["core_list"] = cores[1:]
    assert problems(picture, report)


def test_a_value_keeps_every_digit() -> None:
    assert Numbers(marked.count(63493.51253481894)).marked == [Shown("63,494", 63493.51253481894, "")]


def test_the_recipe_reads_as_it_is(html: str) -> None:
    recipe = re.search(r"<pre>(.*?)</pre>", html, re.DOTALL)
    assert recipe is not None
    assert "hidden = [\n    4,\n]" in recipe[1]


def test_every_constant_has_a_footnote_with_its_source_grade_scope_and_operating_point(html: str) -> None:
    section = html[html.index('<section id="sources">') :].partition("</section>")[0]
    texts = [" ".join(re.sub("<[^>]+>", "", note).replace(",", "").split()) for note in section.split('<li id="')[1:]]
    report = example()
    for holder in (report["energy"], report["fit"], report["latency"], report["devices"]["crossover"]):
        assert holder["constants"]
        for key, constant in holder["constants"].items():
            wanted = [spoken(key, constant) + " " + constant["written"]]
            wanted += [constant[name] for name in ("source", "evidence", "scope", "operating_point")]
            assert any(all(part.replace(",", "") in text for part in wanted) for text in texts), key


def spoken(key: str, constant: dict[str, Any]) -> str:
    """Return the name that a footnote gives a constant, without commas."""
    parts = key.removesuffix("_s" if constant["unit"] == "s" else "").split(".")
    return " ".join(part.replace("_", " ") for part in parts if part not in ("energy", "times"))


def test_every_price_and_limit_points_at_a_footnote_that_is_there(html: str) -> None:
    report = example()
    targets = set(re.findall(r'<li id="(source-\d+)"', html))
    assert set(re.findall(r'href="#(source-\d+)"', html)) == targets
    assert len(targets) == len({one["source"] for one in _holders(report) if "source" in one and "written" in one})
    prices = re.findall(r"<li>[^<]* at <data.*?</data> (.*?):", html)
    assert len(prices) == sum(len({term["term"] for term in model["terms"]}) for model in report["energy"]["models"])
    assert all('href="#source-' in price for price in prices)


def test_a_constant_without_a_source_is_said_to_have_none() -> None:
    sources = Sources()
    nameless = {"written": "1 pJ", "value": 1e-12, "unit": "J", "source": "", "evidence": "model"}
    assert sources.number("synop", nameless) == 1
    assert [note["source"] for note in sources.notes()] == ["no source is recorded"]
