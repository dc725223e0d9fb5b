"""A Program over frames that runs as they arrive, one a step; see `networks.chip_frames` for what it is made from.

Axes: I value of a frame, C class.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurodeploy.backends.fixed.simulator import Simulator
from neurodeploy.errors import DataError, ProgramError
from neurodeploy.phrases import refused_frame
from neurodeploy.program.program import Program


class Heard(NamedTuple):
    """What a Program makes of the frames so far: number of the last of them, from 0, and mean scores (C,), float64."""

    frame: int
    scores_C: np.ndarray


class FrameSimulator:
    """A running stream of one clip, with the integers of the Program on the whole clip in every state.

    Args:
        program: Whose host sends frames, or the path of one.
        options: As a `Simulator` takes them, which is in `simulator`.

    Attributes:
        look_ahead: Frames behind a frame that its answer needs.
        delay: Steps, of which each takes a frame, from a frame to its answer: `look_ahead`, and one for each connection
            on the way.

    Raises:
        ProgramError: it takes something else than frames.
    """

    def __init__(self, program: Program | str | Path, **options: Any) -> None:
        self.simulator = Simulator(program, **options)
        self.program = self.simulator.program
        if self.program.host is None or not self.program.host.behind:
            raise ProgramError(f"{self.program.name}: takes no frames; compile a spiking LMUFormer's graph")
        self.host, self.output = self.program.host, self.program.layer(self.program.output)
        self.look_ahead = self.host.behind
        self.delay = self.look_ahead + self.output.start
        self.reset()

    @property
    def n_pushed(self) -> int:
        """Frames so far."""
        return self.simulator.now

    def reset(self) -> None:
        """Forget all frames: the next one is the first of another clip."""
        self.simulator.reset()
        self._total_C: np.ndarray = np.zeros(self.output.n_neurons, np.int64)

    def push(self, frame_I: Any) -> Heard | None:
        """Take the next frame, and return what is known of the one `delay` before it; None while there is none.

        Args:
            frame_I: (input channels,), any real values; cut off where 12 bits end.

        Raises:
            DataError: it is no such frame: it is not taken, and the stream goes on with the next.
        """
        n_inputs = self.host.window.n_inputs
        try:
            x_I = np.asarray(frame_I, np.float64)
        except (TypeError, ValueError):
            raise DataError(refused_frame(self.n_pushed, None, n_inputs)) from None
        if x_I.shape != (n_inputs,) or not np.isfinite(x_I).all():
            raise DataError(refused_frame(self.n_pushed, x_I.shape, n_inputs))
        return self._after(self.host.currents(x_I[None, None])[:, 0])

    def finish(self) -> list[Heard]:
        """Return what is known of the frames that are left, now that none comes behind; then as `reset`."""
        rows = self.host.currents(np.zeros((1, 1, self.host.window.n_inputs)))[0, 1:]
        sent = [*rows[:, None], *[None] * self.output.start]
        found = [one for one in map(self._after, sent) if one is not None] if self.n_pushed else []
        self.reset()
        return found

    def _after(self, sent_BI: np.ndarray | None) -> Heard | None:
        v_C = self.simulator.step(sent_BI)[self.output.name].v_BTN[0]
        frame = self.simulator.now - 1 - self.delay
        if frame < 0:
            return None
        self._total_C = self._total_C + v_C.astype(np.int64)
        return Heard(frame, self._total_C / self.output.v_per_unit / (frame + 1))
