"""`neurodeploy bench`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from neurodeploy.cli.options import Dt, Json, Reset, counted, whole_numbers
from neurodeploy.cli.show import noted, percent, table, within
from neurodeploy.cli.verb import carried_out, verb
from neurodeploy.phrases import plural
from neurodeploy.report.amounts import amount

app = typer.Typer(help="Our speed and the peers', measured in one run.", no_args_is_help=True)
Peers = Annotated[str | None, Option(metavar="A,B", help="Peers, or none; all that are installed by default.")]
HOW = {"nvml": "NVML", "rapl": "RAPL", "datasheet floor": "floor, not measured", None: "-"}


def _lines(result: dict[str, Any]) -> list[str]:
    work, floor = result["work"], result["floor"]
    rows = [("neurodeploy", row) for row in result["ours"]] + [(row["name"], row) for row in result["peers"]]
    rows.sort(key=lambda one: (one[1]["threads"], one[1]["batch"]))
    lines = [
        f"work   {work['name']}: {'-'.join(map(str, work['sizes']))}, {plural(work['steps'], 'step')}, input density "
        f"{percent(round(work['density'], 4))}, firing {', '.join(percent(round(rate, 4)) for rate in work['rates'])}",
        f"on     {result['machine']['cpu']}, {plural(result['machine']['cores'], 'core')}",
        "",
        *table(
            ["who", "version", "threads", "batch", "samples/s", "from", "to", "we are faster"],
            [
                [name, row.get("version", "-"), str(row["threads"]), str(row["batch"]), *_speeds(row)]
                for name, row in rows
            ],
        ),
        "",
        f"floor  {1e6 * floor['seconds_per_sample']:.1f} us a sample and thread; we take "
        f"{floor['ours_over_floor']:.2f} times as long",
    ]
    for row in result["ours"]:
        if "ratio_to_lava" in row:
            lines.append(
                f"{row['ratio_to_lava']:,.0f} x as many samples/s inside the run alone as Lava inside its run() "
                f"(batch {row['batch']}, {row['threads']} thread(s))"
            )
    if result["counting"]:
        counting = result["counting"]
        lines.append(
            f"counting operations adds {percent(round(counting['share'], 4))} to the time of simulating "
            f"(batch {counting['batch']}, {counting['threads']} thread(s))"
        )
    if result["threads_ratio"]:
        lines.append(f"all threads against the fewest  {result['threads_ratio']:.2f} x")
    if result["equal_to_lava"]:
        equal, samples = result["equal_to_lava"]["equal"], result["equal_to_lava"]["samples"]
        lines.append(f"spike counts {'equal' if equal else 'DIFFER FROM'} Lava's on {plural(samples, 'sample')}")
    if result["second_process_s"]:
        lines.append(f"a fresh process takes {result['second_process_s']:.2f} s to its first result")
    if result["stream"]:
        lines.append(
            f"{plural(result['stream']['samples'], 'sample')} from a file take {result['stream']['seconds']:.1f} s "
            f"and at most {result['stream']['peak_bytes'] / 1e6:,.0f} MB"
        )
    return lines + [f"absent  {one['name']}: {one['reason']}" for one in result["absent"]]


def _speeds(row: dict[str, Any]) -> list[str]:
    """Return a contender's samples per second, the ends of their spread, and how much faster we are."""
    values = (row["samples_per_second"], row["spread"]["min"], row["spread"]["max"])
    return [*(f"{value:,.1f}" for value in values), f"{row['ratio']:.3g} x" if "ratio" in row else "-"]


@app.command("simulate")
@verb(_lines, call="bench_simulate")
def simulate(
    work: Annotated[str, Option(help="dense, plif, sdt, or nmnist with --graph and --data.")] = "dense",
    batches: Annotated[str | None, Option("--batch", metavar="N,N", help="Batch sizes.")] = None,
    thread_counts: Annotated[
        str | None, Option("--threads", metavar="N,N", help="Thread counts; 1 and all else.")
    ] = None,
    repeats: Annotated[int, Option(metavar="N", help="Rounds; medians are reported.")] = 5,
    peers: Peers = None,
    graph: Annotated[str | None, Option(metavar="FILE", help="A .nir graph, for nmnist.")] = None,
    data: Annotated[str | None, Option(help="Dataset or data file, for nmnist.")] = None,
    dt_s: Dt = None,
    reset: Reset = None,
    start: Annotated[bool, Option("--start", help="Also time a fresh process.")] = False,
    stream: Annotated[int | None, Option(metavar="N", help="Also measure the memory of N samples from a file.")] = None,
) -> dict[str, Any]:
    """Time our simulator and the peers on the same work, in turn."""
    return {
        "batches": whole_numbers("--batch", batches, "1,64"),
        "thread_counts": whole_numbers("--threads", thread_counts, "1,8"),
    }


def _worded(value: Any) -> str:
    """Return what a work is made of: sizes, rates, a number or a name."""
    if isinstance(value, list):
        whole = all(isinstance(one, int) for one in value)
        return "-".join(map(str, value)) if whole else ", ".join(percent(round(one, 4)) for one in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _training_lines(result: dict[str, Any]) -> list[str]:
    gradients, floor, ours = result.get("gradients"), result.get("floor"), result["ours"]
    rows = [{"name": "neurodeploy", "trains": ""} | ours, *result["peers"]]
    steps_ms = [f"{1e3 * row['seconds_per_step']:,.1f}" for row in rows]
    memory = [[f"{row['memory_bytes'] / 1e6:,.0f}"] if "memory_bytes" in row else [] for row in rows]
    told = [
        [row["name"], row.get("version", "-"), step_ms, *_speeds(row), *taken, row["trains"]]
        for row, step_ms, taken in zip(rows, steps_ms, memory, strict=True)
    ]
    heads = ["who", "version", "ms a step", "samples/s", "from", "to", "we are faster", *(["MB"] if memory[0] else [])]
    lines = [
        f"work   {', '.join(f'{key} {_worded(value)}' for key, value in result['work'].items())}",
        f"on     {result['machine']['cpu']}, {plural(result['machine']['cores'], 'core')}",
        "",
        *table([*heads, "what"], told),
        "",
    ]
    if floor:
        lines.append(
            f"floor  the matrix products of our step alone take {1e3 * floor['products_s']:,.1f} ms; we take "
            f"{floor['ours_over_products']:.2f} times as long"
        )
    if gradients:
        lines.append(
            f"gradients within {gradients['largest_relative_difference']:.1e} of float64 (eager torch's float32 "
            f"within {gradients['eager_largest_relative_difference']:.1e})"
        )
        if gradients["decisions"]:
            differing, eager = gradients["differing"], gradients["eager_differing"]
            lines.append(f"{differing} of {gradients['decisions']:,} spikes and surrogates differ (its {eager})")
    if "frame_s" in ours:
        lines.append(f"a frame of a stream takes {1e3 * ours['frame_s']:.2f} ms in float64")
    return lines + [f"absent  {one['name']}: {one['reason']}" for one in result["absent"]]


@app.command("train")
@verb(_training_lines, call="bench_train")
def train(
    work: Annotated[
        str,
        Option(
            help="silif; plif: the PLIF paper's for MNIST; lmu, lmufft: psMNIST's; lmuformer, spikformer: spiking ones."
        ),
    ] = "silif",
    model: Annotated[str, Option(help="A spiking model of the SiLIF family.")] = "silif",
    hidden: Annotated[
        int | None,
        Option(metavar="N", help="Hidden neurons (512 in each layer, 212 of lmu) or channels (32 of plif)."),
    ] = None,
    steps: Annotated[int | None, Option(metavar="N", help="Steps of a sample (250; 8 of plif, 784 of lmu).")] = None,
    batch: Annotated[int, Option(metavar="N", help="Samples of a training step.")] = 32,
    threads: Annotated[int, Option(metavar="N", help="CPU threads of everything measured.")] = 1,
    repeats: Annotated[int, Option(metavar="N", help="Rounds; medians are reported.")] = 5,
    peers: Peers = None,
    fresh: Annotated[bool, Option("--fresh", help="A network as initialised, which fires little.")] = False,
) -> None:
    """Time our training step and the peers' on the same work, in turn."""


@app.command("devices")
def devices(
    run: Annotated[Path, Argument(metavar="RUN", help="Folder of a finished run.")],
    seconds: Annotated[float, Option(metavar="S", callback=within(0.01, 600), help="Length of each window.")] = 2.0,
    threads: Annotated[int | None, counted("CPU threads (default: torch's).")] = None,
    no_ann: Annotated[bool, Option("--no-ann", help="Leave the ANN of the same shape out.")] = False,
    windows: Annotated[int | None, counted("Time windows of the ANN; validation chooses them.")] = None,
    add: Annotated[
        Path | None, Option(metavar="FILE", help="Add another machine's devices.json; measure nothing.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Accuracy, latency and energy of a run's network and an ANN of its shape on this CPU and GPU."""
    given = {"run": run, "seconds": seconds, "threads": threads}
    given |= {"with_ann": not no_ann, "windows": windows}
    if add is not None:
        return carried_out("add_devices", {"run": run, "other": add}, _device_lines, as_json=as_json)
    return carried_out("bench_devices", given, _device_lines, as_json=as_json)


def _device_lines(result: dict[str, Any]) -> list[str]:
    rows = [
        [
            one["what"],
            one["device"],
            str(one["batch"]),
            percent(round(one["accuracy"], 4)),
            _measured(one["latency_s"], "s"),
            f"{one['samples_per_second']:,.0f}",
            _measured(one["energy_per_sample_j"], "J"),
            _measured(one["energy_idle_subtracted_j"], "J"),
            HOW[one["energy_source"]],
        ]
        for one in result["records"]
    ]
    head = ["what", "device", "batch", "accuracy", "latency", "samples/s", "J/sample", "less idle", "energy by"]
    lines = table(head, rows)
    if result["ann"]:
        lines += ["", *_ann(result["ann"])]
    if result["crossover"]:
        lines += ["", *_crossover(result["crossover"])]
    return [*lines, "", *noted(result["notes"]), f"written    {result['path']}"]


def _measured(value: float | None, unit: str) -> str:
    return "-" if value is None else amount(value, unit)


def _ann(ann: dict[str, Any]) -> list[str]:
    accuracy = ann["accuracy"]
    return [
        f"ann        {percent(round(accuracy['float'], 4))} float, {percent(round(accuracy['quantised'], 4))} with "
        f"{ann['weight_bits']}-bit weights and {ann['activation_bits']}-bit values; {ann['macs_per_sample']:,} MACs a "
        f"sample, {ann['parameters']:,} parameters, {ann['windows']} time window(s)"
    ]


def _rates(rate: dict[str, float]) -> str:
    """Return a band of crossover rates; more than one spike in every synapse and step there is not."""
    if rate["high"] <= 0:
        return "no rate"
    if rate["low"] > 1:
        return "any rate"
    low, high = f"{100 * rate['low']:.3g}", f"{100 * rate['high']:.3g}"
    return f"{low} %" if low == high else f"{low} to {high} %"


def _crossover(found: dict[str, Any]) -> list[str]:
    rows = [
        [
            one["title"],
            _measured(one["ann_energy_j"], "J"),
            _measured(one["chip_energy_j"]["mid"], "J"),
            _rates(one["rate"]),
            one["verdict"],
        ]
        for one in (*found["against"], *found["same_technology"])
    ]
    return [
        f"spike rate {100 * found['rate_here']:.3g} % of synapses and steps here, "
        f"{found['spikes_per_synapse_here']:.3g} spikes per synapse and inference",
        *table(["the ANN on", "its energy", "ours", "pays below", "this network"], rows),
        f"           {found['formula']}",
    ]
