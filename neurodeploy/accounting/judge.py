"""A run against its budget: one row per budget, numbers only; `report.budget_lines` puts them in words."""

from dataclasses import dataclass, replace

from neurodeploy.accounting.budget import Budget, LayerBudget
from neurodeploy.accounting.energy import ALL_IN
from neurodeploy.accounting.plain import Plain
from neurodeploy.accounting.recorded import Recorded
from neurodeploy.errors import BudgetError, nearest
from neurodeploy.phrases import Command, Phrase, plural

LAVA_PAIR = "fixed/lava"
COUNTS = {
    "max_synops": ("synops_per_sample", "synops per sample"),
    "max_spikes": ("spikes_per_sample", "spikes per sample"),
    "max_macs": ("macs_per_sample", "MACs per sample"),
}
"""Budgets of counts, each with its key in report.json and its words."""


@dataclass(frozen=True)
class Row(Plain):
    """One budget, and whether it is kept.

    Attributes:
        budget: Its key.
        what, unit, basis: What was measured, in which unit, and on what.
        excess: How far `found` is on the wrong side, in `unit`; 0 where it passed, None where there is no number.
        relative: The same against what is allowed; None where nothing is.
        reason: More words, may be empty.
    """

    budget: str
    what: str
    unit: str
    basis: str
    found: float | bool
    allowed: float | bool
    passed: bool
    excess: float | None
    relative: float | None
    reason: str = ""


def judge(run: Recorded, budget: Budget, fit: Recorded | None = None) -> list[Row]:
    """Return a row for every budget, in the order of their keys.

    Args:
        run: A finished run.
        budget: What is asked.
        fit: Of the network on the chip that the budget names; needed where `budget.places`.

    Raises:
        BudgetError: a budget asks about something that the run did not measure, or a layer it lacks.
        RunError: the report is damaged.
    """
    rows, samples = [*_accuracy(run, budget), *_proofs(run, budget)], run.number("counts", "samples")
    counted = "" if samples is None else f"mean of {plural(int(samples), 'sample')}"
    for key, (count, what) in COUNTS.items():
        allowed = getattr(budget, key)
        if allowed is not None:
            found = _measured(run, key, what, "counts", count)
            rows.append(_row(key, what, what.split(" ")[0], counted, found, allowed))
    rows += _costs(run, budget)
    if fit is not None:
        rows += _fit(run, budget, fit)
    for name, one in budget.layers.items():
        rows += _layer(run, name, one)
    return rows


def _accuracy(run: Recorded, budget: Budget) -> list[Row]:
    stage, rows = budget.accuracy, []
    if budget.min_accuracy is not None:
        found = run.share("accuracy", stage)
        if found is None:
            raise _no_stage(run, "min_accuracy", stage)
        rows.append(_row("min_accuracy", "accuracy", "share", _stage(run, stage), found, budget.min_accuracy, -1))
    if budget.max_accuracy_drop is not None:
        own = [one for one in run.rows("certificate", "stages") if one.text("name") == stage]
        found = own[0].number("accuracy_drop") if own else None
        if found is None:  # ptq is no stage of the certificate; float is on the same samples there
            before, after = run.share("accuracy", "float"), run.share("accuracy", stage)
            if before is None or after is None or stage == "lava":
                raise _no_stage(run, "max_accuracy_drop", stage)
            found = before - after
        what, allowed = "accuracy lost against float", budget.max_accuracy_drop
        rows.append(_row("max_accuracy_drop", what, "share", _stage(run, stage), found, allowed))
    return rows


def _proofs(run: Recorded, budget: Budget) -> list[Row]:
    rows = []
    if budget.certificate:
        passed = run.truth("certificate", "passed")
        if passed is None:
            advice = Phrase("make it with {again}", again=run.again)
            raise BudgetError(f"{run.run} has none", advice, where="certificate")
        failures = run.table("certificate").get("failures") or []
        rows.append(_demand("certificate", "certificate", "", passed, str(failures[0]) if failures else ""))
    if budget.bit_exact:
        equal = run.truth("certificate", "bit_exact", LAVA_PAIR)
        if equal is None:
            reason = run.text("lava", "reason")
            why = f" ({reason.partition(';')[0]})" if reason else ""
            never = run.text("recipe", "certificate", "lava") == "never"
            over = {"settings": "certificate.lava=always", "mode": "overwrite"}
            more = Command("run", f"{run.run}/recipe.toml", out=run.run, **over) if never else run.again
            advice = Phrase("measure it with neurodeploy lava setup, then {more}", more=more)
            raise BudgetError(f"Lava was not run in {run.run}{why}", advice, where="bit_exact")
        rows.append(_demand("bit_exact", "bit-exact with Lava", _stage(run, "lava"), equal))
    return rows


def _costs(run: Recorded, budget: Budget) -> list[Row]:
    rows = []
    if budget.max_energy_j is not None:
        whole, scope = budget.energy_of == "whole", run.text("energy", "scope")
        what = "all-in energy" if scope == ALL_IN else "dynamic and static energy" if whole else "dynamic energy"
        table = "whole_j" if whole and scope != ALL_IN else "energy_j"
        found = _measured(run, "max_energy_j", what if whole else "energy", "energy", table, budget.energy)
        basis = f"{budget.energy} of the band, {run.text('energy', 'chip') or 'chip not named'}"
        rows.append(_row("max_energy_j", f"{what} per sample", "J", basis, found, budget.max_energy_j))
    if budget.max_latency_s is not None:
        found = _measured(run, "max_latency_s", "latency", "latency", "latency_band_s", budget.latency)
        chip = run.text("latency", "chip") or run.text("energy", "chip") or "chip not named"
        basis = f"{budget.latency} of the band, {chip}"
        rows.append(_row("max_latency_s", "latency per sample", "s", basis, found, budget.max_latency_s))
    return rows


def _fit(run: Recorded, budget: Budget, fit: Recorded) -> list[Row]:
    rows, chip = [], fit.text("chip") or budget.fits or ""
    fits = fit.truth("fits")
    reason = "" if fits else _why_not(fit)
    if budget.fits is not None:
        rows.append(_demand("fits", f"fits {chip}", _size(fit), bool(fits), reason))
    for key, name in (("max_cores", "cores"), ("max_chips", "chips")):
        allowed = getattr(budget, key)
        if allowed is None:
            continue
        found = fit.number(name)
        if found is None and fits:
            advice = Phrase("make it again with {again}", again=run.again)
            raise BudgetError(f"{run.run} does not say how many {name}", advice, where=key)
        if found is None:
            rows.append(replace(_demand(key, name, chip, False, reason), allowed=allowed))
        else:
            rows.append(_row(key, name, name, chip, found, allowed))
    return rows


def _layer(run: Recorded, name: str, budget: LayerBudget) -> list[Row]:
    layers = {one.text("name"): one for one in run.rows("counts", "layers")}
    if name not in layers:
        known = [one for one in layers if one]
        more = Phrase("the run counted none; make it again with {again}", again=run.again)
        advice = nearest(name, known) if known else more
        raise BudgetError(f"{run.run} has no such layer", advice, where=f"layers.{name}")
    rows = []
    for key, allowed in budget:
        if allowed is None:
            continue
        found = _into(run, name) if key == "max_synops" else layers[name].number("spikes_per_sample")
        if found is None:
            raise _unmeasured(run, f"layers.{name}.{key}", f"of layer {name!r}", "counts")
        _, what = COUNTS[key]
        rows.append(_row(f"layers.{name}.{key}", f"layer {name}: {what}", what.split(" ")[0], "", found, allowed))
    return rows


def _into(run: Recorded, name: str) -> float | None:
    """Return the synops of all connections into a layer."""
    sent = [one.number("synops_per_sample") for one in run.rows("counts", "connections") if one.text("target") == name]
    known = [one for one in sent if one is not None]
    return sum(known) if len(known) == len(sent) else None


def _measured(run: Recorded, key: str, what: str, *keys: str) -> float | int:
    found = run.number(*keys)
    if found is None:
        raise _unmeasured(run, key, what, keys[0])
    return found


def _unmeasured(run: Recorded, key: str, what: str, table: str) -> BudgetError:
    """Return the error of a budget for what is not there, and how to get it."""
    unpriced = run.table(table).get("unpriced") or []
    if unpriced and isinstance(unpriced, list):
        chip = run.text("energy", "chip")
        return BudgetError(
            f"{key}: {run.run} has no {what}: {chip} has no published numbers for {', '.join(map(str, unpriced[:3]))}; "
            "take the budget out, or price the run on a chip that has them"
        )
    advice = Phrase("measure it with {again}", again=run.again)
    return BudgetError(f"{what} was not measured in {run.run}", advice, where=key)


def _no_stage(run: Recorded, key: str, stage: str) -> BudgetError:
    known = ", ".join(name for name in run.table("accuracy") if run.number("accuracy", name) is not None)
    found, advice = f"{run.run} has no accuracy of {stage!r}", Phrase("choose one of {known} ({accuracy})", known=known)
    if stage == "lava":
        found = f"Lava was not run in {run.run}"
        words = "measure it with neurodeploy lava setup, then {again}, or ask about another stage ({accuracy})"
        advice = Phrase(words, again=run.again)
    return BudgetError(found, advice, where=key)


def _stage(run: Recorded, stage: str) -> str:
    """Return a stage and how many samples it ran."""
    for one in run.rows("certificate", "stages"):
        if one.text("name") == stage:
            samples = one.number("samples")
            return f"{stage}, {plural(int(samples), 'sample')}" if samples is not None else stage
    return stage


def _size(fit: Recorded) -> str:
    cores, chips = fit.number("cores"), fit.number("chips")
    if cores is None or chips is None:
        return ""
    return f"{cores:,} {'core' if cores == 1 else 'cores'}, {chips:,} {'chip' if chips == 1 else 'chips'}"


def _why_not(fit: Recorded) -> str:
    """Return why a network does not fit: in the words of its placement, else the limit that it passes."""
    problems = fit.report.get("problems")
    if isinstance(problems, list) and problems:
        return str(problems[0])
    name, used = fit.text("binding_limit", "name"), fit.number("binding_limit", "used")
    limit = fit.number("binding_limit", "limit")
    return f"{name}: {used:,} of {limit:,}" if name and used is not None and limit is not None else name or ""


def _row(key: str, what: str, unit: str, basis: str, found: float, allowed: float, sign: int = 1) -> Row:
    """Return the row of a number; `sign` 1 where less is better, -1 where more is."""
    excess = max(0.0, sign * (found - allowed))
    kept = sign * found <= sign * allowed
    return Row(key, what, unit, basis, found, allowed, kept, excess, excess / abs(allowed) if allowed else None)


def _demand(key: str, what: str, basis: str, found: bool, reason: str = "") -> Row:
    """Return the row of what must be so."""
    return Row(key, what, "", basis, found, True, found, None, None, "" if found else reason)
