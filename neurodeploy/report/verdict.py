"""The lines that decide, above everything else: passed or not and why, one sentence, and the numbers."""

from typing import Any

from markupsafe import Markup

from neurodeploy.accounting.energy import ALL_IN
from neurodeploy.backends.table import LAVA
from neurodeploy.certificate.certify import FLOAT
from neurodeploy.report import marked
from neurodeploy.report.costs import limit_name, standing
from neurodeploy.report.sections import chip_stage

NOT_MADE = "not in this report"


def verdict(report: dict[str, Any]) -> dict[str, Any]:
    """Return whether the run passed and why not, a sentence, and tiles with where each number comes from."""
    certificate = report["certificate"]
    tiles = [
        _accuracy(certificate),
        bit_exact(certificate),
        _synops(report["counts"]),
        _energy(report["energy"]),
        _fit(report["fit"]),
        _latency(report["latency"]),
    ]
    return {
        "passed": certificate["passed"],
        "failures": certificate["failures"],
        "sentence": _sentence(report),
        "said": [*certificate["warnings"], f"Rule: {certificate['rule']}."],
        "tiles": tiles,
    }


def _sentence(report: dict[str, Any]) -> Markup:
    """Return what the numbers say together, as far as they are there."""
    stage, chip = chip_stage(report["certificate"]["stages"]), report["recipe"]["chip"]
    found = [marked.say("{} accurate in the integers of {}", marked.percent(stage["accuracy"]), chip)]
    exact = report["certificate"]["bit_exact"].get("fixed/lava")
    if exact is not None:
        found[0] += Markup(", equal to Lava in every state" if exact else ", not equal to Lava")
    fit = report["fit"]
    if fit and fit["fits"]:
        found.append(
            marked.say("It fits on {} of {}", *(marked.plural(fit[key], key[:-1]) for key in ("cores", "chips")))
        )
    elif fit:
        found.append(marked.say("It does not fit {}", fit["chip"]))
    energy = report["energy"]["energy_j"]
    if energy:
        kind = "energy, all-in" if report["energy"]["scope"] == ALL_IN else "dynamic energy"
        spent = marked.say("{} of {}", marked.band(energy["low"], energy["high"], "J"), kind)
        static = report["energy"]["static_j"]
        if static and kind != "energy, all-in":
            spent += marked.say(" and {} of static energy", marked.band(static["low"], static["high"], "J"))
        time_s = (report["latency"] or {}).get("latency_s")
        spent += marked.say(", in {}", marked.seconds(time_s)) if time_s else Markup("")
        found.append(marked.say("A sample is estimated to take {}", spent))
    crossover = (report["devices"] or {}).get("crossover")
    if crossover:
        found.append(standing(crossover))
    return marked.joined(found, ". ") + Markup(".")


def _tile(title: str, value: Any, detail: Any = "", source: Any = "", state: str = "") -> dict[str, Any]:
    """Return a number; `state` is "good", "bad", "open" where there is none, or "" where nothing is judged."""
    return {"title": title, "value": value, "detail": detail, "source": source, "state": state}


def _accuracy(certificate: dict[str, Any]) -> dict[str, Any]:
    stage = chip_stage(certificate["stages"])
    first = certificate["stages"][0]["name"]
    detail = marked.say("{} against {}", marked.points(stage.get("accuracy_drop", 0.0)), first)
    floats = [one for one in certificate["stages"] if one["name"] == FLOAT and one["samples"] == stage["samples"]]
    if floats:
        detail += marked.say(" ({})", marked.percent(floats[0]["accuracy"]))
    source = marked.say("test part, {}", marked.plural(stage["samples"], "sample"))
    return _tile("Accuracy in integers", marked.percent(stage["accuracy"]), detail, source)


def bit_exact(certificate: dict[str, Any]) -> dict[str, Any]:
    """Return whether the integer run equals Lava's, as a tile."""
    title = "Bit-exact with Lava 0.10.0"
    exact = certificate["bit_exact"].get("fixed/lava")
    if exact is None:
        why = "Lava was not ready, or the recipe says never"
        return _tile(title, "not run", "nothing is claimed", why, "open")
    lava = next(stage for stage in certificate["stages"] if stage["name"] == LAVA)
    source = marked.say("test part, the first {}", marked.plural(lava["compared_samples"], "sample"))
    if exact:
        return _tile(title, "yes", "every spike, current and potential is equal", source, "good")
    return _tile(title, "no", marked.difference(lava["first_difference"], chip_steps=True), source, "bad")


def _synops(counts: dict[str, Any]) -> dict[str, Any]:
    updates, steps = marked.count(counts["neuron_updates_per_sample"]), marked.plural(counts["steps"], "chip step")
    detail = marked.say("and {} neuron updates in {}", updates, steps)
    source = marked.say("counted in the integer run, test part, {}", marked.plural(counts["samples"], "sample"))
    return _tile("Synops per sample", marked.count(counts["synops_per_sample"]), detail, source)


def _energy(energy: dict[str, Any]) -> dict[str, Any]:
    title, found = "Energy per sample", energy["energy_j"]
    if not found:
        return _tile(title, "not priced", source=f"{energy['chip']} has no prices", state="open")
    all_in, static, whole = energy["scope"] == ALL_IN, energy["static_j"], energy["whole_j"]
    detail = Markup("all-in, measured power over events" if all_in else "dynamic" if static else "dynamic only")
    if static:
        detail += marked.say("; static {}", marked.band(static["low"], static["high"], "J"))
    if static and whole and not all_in:
        detail += marked.say("; together {}", marked.band(whole["low"], whole["high"], "J"))
    shown = [one for one in energy["models"] if one["scope"] == energy["scope"]]
    sources = {one["source"] for one in shown}
    priced = (marked.plural(len(some), word, "length") for some, word in ((shown, "model"), (sources, "source")))
    source = marked.say("these counts, priced by {1} of {0}, from {2}", energy["chip"], *priced)
    return _tile(title, marked.band(found["low"], found["high"], "J"), detail, source)


def _fit(fit: dict[str, Any] | None) -> dict[str, Any]:
    if fit is None:
        return _tile("Fit", "-", NOT_MADE, state="open")
    binding = fit["binding_limit"]
    source: Markup | str = ""
    if binding:
        what = "binding limit" if binding["used"] > binding["limit"] else "fullest"
        numbers = marked.count(binding["used"]), limit_name(binding), marked.count(binding["limit"])
        source = marked.say("{}: {} needs {} {}, a core has {}", what, binding["layer"], *numbers)
    if not fit["fits"]:
        return _tile("Fit", "no", fit["problems"][0], source, "bad")
    detail = marked.say("on {} of {}", marked.plural(fit["chips"], "chip"), fit["chip"])
    return _tile("Fit", marked.plural(fit["cores"], "core"), detail, source)


def _latency(latency: dict[str, Any] | None) -> dict[str, Any]:
    title = "Latency per sample"
    if not latency:
        return _tile(title, "-", NOT_MADE, state="open")
    found, bound = latency["latency_band_s"], latency["bound"]
    if found is None:
        return _tile(title, "not priced", "no times are published", state="open")
    value = marked.band(found["low"], found["high"], "s")
    detail = marked.say("{} for a step", marked.seconds(latency["step_s"]["mean"]))
    most = max(bound, key=lambda name: bound[name])
    return _tile(title, value, detail, f"the busiest core sets each step; mostly bound by {most}")
