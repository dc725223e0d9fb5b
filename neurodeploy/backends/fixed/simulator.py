"""A Program that is fed step by step, or chunk by chunk, and keeps its state in between.

For closed loops, where the next input depends on the last output, and for streams without an end.
Axes: B sample, T step, I channel, N neuron of a layer.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.backends.fixed.run import AUTO, Engine, check_probes, check_threads, engine_for
from neurodeploy.backends.trace import LayerTrace, Part, check_spikes
from neurodeploy.errors import DataError
from neurodeploy.program.file import read_program
from neurodeploy.program.program import Program


class Simulator:
    """Some samples of a Program between two steps.

    Args:
        program: A `Program`, or the path of one that `neurodeploy.compile` wrote.
        n_samples: Samples side by side, which do not see each other.
        probes: Layers whose states are returned; the output layer when empty.
        threads: Samples are divided among so many, all cores when None.
        engine: One of `fixed.ENGINES` or "auto"; never changes the result.

    Attributes:
        now: Steps run so far.
        counts: Spikes so far of every layer, (B, N).

    Raises:
        DataError: an option is not one.
        ProgramError: the file is absent, damaged or no Program.

    >>> import tempfile, neurodeploy
    >>> path = tempfile.mkdtemp() + "/program.npz"
    >>> made = neurodeploy.compile("exports/digits/w8/model.nir", out=path)
    >>> fed = neurodeploy.Simulator(path, probes=["lif1", "lif2"])
    >>> spikes = np.ones((1, 64))
    >>> for _ in range(8):
    ...     after = fed.step(spikes)  # what came out may decide what goes in next
    >>> fed.now, after["lif2"].spikes_BTN.shape, int(fed.counts["lif1"].sum())
    (8, (1, 10), 215)
    """

    def __init__(
        self,
        program: Program | str | Path,
        n_samples: int = 1,
        *,
        probes: Sequence[str] = (),
        threads: int | None = 1,
        engine: str = AUTO,
    ) -> None:
        if n_samples < 1:
            raise DataError(f"n_samples: found {n_samples}, at least 1 is needed")
        program = program if isinstance(program, Program) else read_program(program)
        self.program, self.n_samples = program, n_samples
        self.probes = tuple(check_probes(program, probes)) or (program.output,)
        self._make = engine_for(program, engine)
        self._options: dict[str, Any] = {"threads": check_threads(threads), "goes_on": True}
        self.reset()

    def reset(self) -> None:
        """Go back to the state before the first step."""
        self._engine: Engine = self._make(self.program, self.n_samples, **self._options)
        self.counts = {
            layer.name: np.zeros((self.n_samples, layer.n_neurons), np.int64) for layer in self.program.layers
        }

    @property
    def now(self) -> int:
        return self._engine.now

    def step(self, spikes_BI: Any = None) -> dict[str, LayerTrace]:
        """Run one step and return the probes' spikes, currents and potentials after it, each (B, N).

        What goes in now reaches the first layer in the next step: every connection takes one.

        Args:
            spikes_BI: Input of every sample, (B, I), an array or a tensor; none when None.

        Raises:
            DataError: the spikes do not fit the Program or the samples.
        """
        if spikes_BI is None:
            states = self.silent(1)
        else:
            spikes = _array(spikes_BI)
            if spikes.ndim < 2:
                raise DataError(f"{self.program.name}: a step has shape {spikes.shape}, (samples, channels) is needed")
            states = self.advance(spikes[:, None])
        return {name: LayerTrace(*(values[:, 0] for values in one)) for name, one in states.items()}

    def advance(self, spikes_BTI: Any) -> dict[str, LayerTrace]:
        """Run a chunk of a stream and return the probes' states after each of its steps, (B, T, N).

        Args:
            spikes_BTI: Input, (B, T, I), an array or a tensor.

        Raises:
            DataError: the spikes do not fit the Program or the samples.
        """
        spikes = check_spikes(
            _array(spikes_BTI), self.program.n_inputs, self.program.name, graded=self.program.graded_input
        )
        if len(spikes) != self.n_samples:
            raise DataError(f"{self.program.name}: spikes hold {len(spikes)} samples, {self.n_samples} are simulated")
        return self._kept(self._engine.advance(spikes, self.probes))

    def silent(self, n_steps: int) -> dict[str, LayerTrace]:
        """Run steps without input, as `advance` does: `program.depth` of them let the last input through.

        Raises:
            DataError: `n_steps` is below 0.
        """
        if n_steps < 0:
            raise DataError(f"n_steps: found {n_steps}, 0 or more is needed")
        kind = np.int32 if self.program.graded_input else np.uint8
        nothing = np.zeros((self.n_samples, 0, self.program.n_inputs), kind)
        return self._kept(self._engine.advance(nothing, self.probes, n_silent=n_steps))

    def _kept(self, part: Part) -> dict[str, LayerTrace]:
        for name, counts in part.counts.items():
            self.counts[name] += counts
        return part.layers


def _array(values: Any) -> np.ndarray:
    """Return an array, from a torch tensor of any device too."""
    try:
        return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    except ValueError as error:
        raise DataError(f"spikes: are no array ({error}); give one of (samples, channels) for each step") from None
