"""What `deploy` returns: a module as graph, Program and certificate, and what can be asked of it."""

from __future__ import annotations

import html
import tempfile
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurodeploy.accounting.budget import named_budget
from neurodeploy.backends.calibration import looked_at
from neurodeploy.backends.trace import Trace
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError, RunError
from neurodeploy.files import check_target, make_folder, write_json, written_whole
from neurodeploy.graph.files import write_graph
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import Compiled
from neurodeploy.phrases import plural
from neurodeploy.pipeline.costs import recorded
from neurodeploy.pipeline.deployed import FILES, raster, report_of
from neurodeploy.pipeline.samples import CALIBRATION_FILE, TEST_FILE
from neurodeploy.program.file import write_program
from neurodeploy.program.program import Program
from neurodeploy.verbs.check import check_run
from neurodeploy.verbs.fit import fit
from neurodeploy.verbs.profile import profile
from neurodeploy.verbs.report import write_report
from neurodeploy.verbs.simulate import simulate

if TYPE_CHECKING:
    import nir
    from matplotlib.figure import Figure

    from neurodeploy.reading import GraphOf


@dataclass(frozen=True, eq=False, repr=False)
class Deployment:
    """A module on its way to the chip. The folder that it saves is one that every verb takes as a run folder.

    Attributes:
        graph: The NIR graph, with real numbers.
        program: The chip's integers.
        certificate: As in a report's JSON: `passed`, `failures`, `stages` ..., and `agreement`, `notes`.
        agreement: How the graph's spikes are the module's own; see `pipeline.module_spikes.against_module`.
        notes: What is otherwise than it reads, one sentence each.
        read: The module as it was read: which node is which submodule, and how inputs become (B, T, F).
        network, made: The graph discretised, and what it was compiled to.
        samples: Those certified on, with their labels, or the classes that stand for them.
        own_B: The module's own classes of them; None where it has none.
        calibration_BTI: Samples that precision was chosen on.
    """

    graph: nir.NIRGraph
    program: Program
    certificate: dict[str, Any]
    agreement: dict[str, Any]
    notes: tuple[str, ...]
    read: GraphOf
    chip: str
    network: Network
    made: Compiled
    samples: SampleSource
    own_B: np.ndarray | None
    calibration_BTI: np.ndarray

    @property
    def passed(self) -> bool:
        """True where the certificate passed."""
        return bool(self.certificate["passed"])

    @cached_property
    def results(self) -> dict[str, Any]:
        """All that the report says, as `report.json` holds it: counts, energy, fit, latency, classes; made once."""
        return report_of(
            self.network,
            self.made,
            self.certificate,
            self.samples,
            chip=self.chip,
            own_B=self.own_B,
            n_calibration=len(self.calibration_BTI),
            notes=self.notes,
        )

    def __repr__(self) -> str:
        last, layers = self.certificate["stages"][-1], self.program.layers
        neurons = plural(sum(one.n_neurons for one in layers), "neuron")
        size = f"{plural(len(layers), 'layer')}, {neurons} on {Path(self.chip).stem}"
        share = f"{last['name']} {100 * last['accuracy']:.1f} % of {plural(last['samples'], 'sample')}"
        return f"Deployment({self.network.name}: {'passed' if self.passed else 'FAILED'}, {share}; {size})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(one['name'])}</th><td>{100 * one['accuracy']:.1f} %</td><td>"
            + ("" if one["spike_agreement"] is None else f"{100 * one['spike_agreement']:.2f} %")
            + f"</td><td>{one['samples']:,}</td></tr>"
            for one in self.certificate["stages"]
        )
        said = "".join(f"<li>{html.escape(str(one))}</li>" for one in (*self.certificate["failures"], *self.notes))
        head = "<tr><th>stage</th><th>accuracy</th><th>spikes kept</th><th>samples</th></tr>"
        return f"<p>{html.escape(repr(self))}</p><table>{head}{rows}</table>" + (f"<ul>{said}</ul>" if said else "")

    def simulate(self, inputs: Any, **options: Any) -> Trace:
        """Run the Program on a batch like the sample input, by `neurodeploy.simulate` with its options.

        Raises:
            DataError: the batch has other axes than the sample input, or holds other than spikes.
        """
        return simulate(self.program, spikes_of(self.read, inputs, "inputs"), **options)

    def fit(self, **options: Any) -> dict[str, Any]:
        """Place the Program on the chip, by `neurodeploy.fit`."""
        return fit(self.program, **{"chip": self.chip} | options)

    def profile(self, data: Any = None, **options: Any) -> dict[str, Any]:
        """Count, price, place and time a run of the Program, by `neurodeploy.profile`; by default on `samples`."""
        return profile(self.program, self.samples if data is None else data, **{"chip": self.chip} | options)

    def check(self, **budgets: Any) -> dict[str, Any]:
        """Judge it by budgets, e.g. `check(min_accuracy=0.9, max_synops=1e5)`, by `neurodeploy.check_run`.

        Raises:
            BudgetError: there is no such budget, or none is given.
        """
        asked = named_budget(budgets)
        with tempfile.TemporaryDirectory() as folder:
            self.save(folder)
            return check_run(folder, budget=asked) | {"run": self.network.name}

    def plot(self, sample: int = 0) -> Figure:
        """Draw one sample's spikes, from the input to the output, over the chip's steps.

        Args:
            sample: Of those certified on, from 0.

        Raises:
            DataError: there is no such sample.
        """
        if not (isinstance(sample, Integral) and 0 <= sample < len(self.samples)):
            raise DataError(f"plot: found sample {sample!r}, 0 to {len(self.samples) - 1} were certified on")
        from neurodeploy.report.printed import draw_spikes  # matplotlib takes a second to load

        one = self.samples.take([sample])
        found = raster(self.program, recorded(self.program, one)[0], one, 0)
        return draw_spikes(found["layers"], found["steps"])

    def save(self, folder: str | Path, *, overwrite: bool = False) -> dict[str, str]:
        """Write `FILES` of `pipeline.deployed`, each whole or not at all; return their paths.

        `model.nir` is the graph, `program.npz` the integers, `test.npz` the samples certified on, with their labels,
        `calibration.npz` those that the choice of precision looked at.

        Args:
            overwrite: Replace a deployment that is there, with its page.

        Raises:
            RunError: the folder cannot be written, holds one of these files or `report.html`, or a run.
        """
        where = make_folder(folder)
        if (where / "recipe.toml").exists():
            raise RunError("holds a run", "choose another folder", where=folder)
        paths, page = {name: where / name for name in FILES}, where / "report.html"
        for path in (*paths.values(), page):
            check_target(path, overwrite)
        results, samples = self.results, self.samples.whole()
        page.unlink(missing_ok=True)
        write_graph(paths["model.nir"], self.graph)
        write_program(paths["program.npz"], self.program)
        write_json(paths["certificate.json"], self.certificate)
        write_json(paths["report.json"], results)
        looked_at_BTI = self.calibration_BTI[looked_at(self.network, *self.calibration_BTI.shape[:2])]
        names: dict[str, Any] = {"class_names": np.array(samples.class_names)} if samples.class_names else {}
        with written_whole(paths[TEST_FILE]) as beside:
            np.savez_compressed(beside, spikes=samples.spikes_BTI, labels=samples.labels_B, **names)
        with written_whole(paths[CALIBRATION_FILE]) as beside:
            np.savez_compressed(beside, spikes=looked_at_BTI, labels=np.zeros(len(looked_at_BTI), np.int64))
        return {name: str(path) for name, path in paths.items()}

    def report(self, folder: str | Path, *, overwrite: bool = False) -> str:
        """Save it, and write `report.html` beside; return the page's path.

        Args:
            overwrite: As in `save`.

        Raises:
            RunError: see `save`.
        """
        self.save(folder, overwrite=overwrite)
        return str(write_report(folder)["path"])


def spikes_of(read: GraphOf, inputs: Any, where: str) -> np.ndarray:
    """Return a batch as (B, T, F) whole numbers.

    Raises:
        DataError: it has other axes than the sample input, or holds fractions.
    """
    values = read.feed(inputs)
    if not np.isfinite(values).all() or (values != np.rint(values)).any():
        odd = values[values != np.rint(values)][0]
        first = read.nodes[next(iter((*read.spikes, *read.potentials, *read.nodes)))]
        raise DataError(
            f"{where}: holds {odd:.4g}, a chip takes spikes (0 and 1) or counts; make spikes of it first, or leave the "
            f"layers up to the first neurons to the host: host={first!r}"
        )
    return values.astype(np.int32)
