"""A network over frames that runs as they arrive: the modules of `networks.blocks`, a frame at a time.

A convolution over neighbouring frames waits for those behind, so a frame is answered `look_ahead` frames later, once
and for all: what is held does not grow, and no frame is gone through twice. `finish` puts zeros behind the last frame,
as the convolutions do, and answers those that are left. Answers are those of the whole clip up to the order of sums;
where a potential is that near to its threshold, a spike may be sent in one of them alone, in float64 practically never.

Axes: C channel.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks.frames import FrameConv, FrameNorm, Shortcut, affine
from neurodeploy.networks.blocks.mixer import FramesLMU
from neurodeploy.neurons.lmu_layers import LinearMemory
from neurodeploy.neurons.plif import LIFNode, plif_step
from neurodeploy.phrases import refused_frame

OF_ONE_FRAME = (nn.ReLU, nn.GELU, nn.LayerNorm, nn.Identity)
FEW = 3
"""Where fewer than one input of so many is not 0, a product of these alone is faster."""
LOOK = 16
"""Frames after which it is looked whether so few are not 0, while more are."""


class Streamable(Protocol):
    """A network that a stream can be made of.

    Attributes:
        n_inputs: Channels of a frame.
        stages: What takes normalised frames to features, one after another.
        head: Gives the scores of a feature.
    """

    n_inputs: int
    head: nn.Linear

    @property
    def stages(self) -> Sequence[nn.Module]: ...

    def normalised(self, x_BTI: torch.Tensor) -> torch.Tensor: ...


class Heard(NamedTuple):
    """What a network makes of the frames so far.

    Attributes:
        frame: Number of the last of them, from 0.
        features_C: Of that frame, as the head is given them.
        scores_C: Of the classes, the mean over all frames so far.
    """

    frame: int
    features_C: torch.Tensor
    scores_C: torch.Tensor


class Streamer:
    """A running stream of one clip; `LmuFormer.stream` makes it.

    Args:
        network: Runs as in evaluation, whatever mode it is in. After a change of its weights, make another stream.

    Attributes:
        look_ahead: Frames behind a frame that its answer waits for, from the network's convolutions.

    Raises:
        NetworkError: a part of the network needs the whole clip.
    """

    def __init__(self, network: Streamable) -> None:
        self.network = network
        self.reset()
        self.look_ahead = self._chain.look_ahead

    def reset(self) -> None:
        """Forget all frames: the next one is the first of another clip."""
        self._chain = _Chain(self.network.stages)
        self._n_pushed, self._n_heard = 0, 0
        self._total_C: torch.Tensor | float = 0.0

    def push(self, frame_I: Any) -> Heard | None:
        """Take the next frame, and return what is known of the one `look_ahead` before it; None while there is none.

        Args:
            frame_I: (input channels,), any real values.

        Raises:
            NetworkError: it is no such frame. It is not taken, and the stream goes on with the next.
        """
        head, n_inputs = self.network.head, self.network.n_inputs
        try:
            x_I = torch.as_tensor(frame_I, dtype=head.weight.dtype, device=head.weight.device)
        except (TypeError, ValueError, RuntimeError):
            raise NetworkError(refused_frame(self._n_pushed, None, n_inputs)) from None
        if tuple(x_I.shape) != (n_inputs,) or not bool(x_I.isfinite().all()):
            raise NetworkError(refused_frame(self._n_pushed, tuple(x_I.shape), n_inputs))
        self._n_pushed += 1
        with torch.no_grad():
            features_C = self._chain.push(self.network.normalised(x_I[None, None])[0, 0])
            return None if features_C is None else self._heard(features_C)

    def finish(self) -> list[Heard]:
        """Return what is known of the last `look_ahead` frames, now that none comes behind; then as `reset`."""
        with torch.no_grad():
            found = [self._heard(one) for one in self._chain.end()]
        self.reset()
        return found

    def _heard(self, features_C: torch.Tensor) -> Heard:
        self._n_heard += 1
        self._total_C = self._total_C + features_C.double()  # of any number of frames
        mean_C = (self._total_C / self._n_heard).to(features_C)
        return Heard(self._n_heard - 1, features_C, self.network.head(mean_C))


class _Stage:
    """A part of a network: a frame in, one out, perhaps an earlier one."""

    look_ahead = 0

    def push(self, x_C: torch.Tensor) -> torch.Tensor | None:
        raise NotImplementedError

    def end(self) -> Iterator[torch.Tensor]:
        """Yield the frames that are left when none comes behind."""
        yield from ()


class _Alone(_Stage):
    """What makes of each frame alone."""

    def __init__(self, call: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.call = call

    def push(self, x_C: torch.Tensor) -> torch.Tensor:
        return self.call(x_C)


class _Product(_Stage):
    """A linear map: where few inputs are not 0, as behind neurons, of these alone."""

    def __init__(self, weight_OC: torch.Tensor, bias_O: torch.Tensor | None = None) -> None:
        self.weight_CO = weight_OC.detach().t().contiguous()
        self.bias_O = self.weight_CO.new_zeros(len(weight_OC)) if bias_O is None else bias_O.detach()
        self.few, self.n_pushed = False, 0

    def take_in(self, norm: FrameNorm) -> None:
        """Do what a norm behind it does, too."""
        scale_O, shift_O = (one.detach() for one in affine(norm))
        self.weight_CO, self.bias_O = self.weight_CO * scale_O, torch.addcmul(shift_O, self.bias_O, scale_O)

    def push(self, x_C: torch.Tensor) -> torch.Tensor | None:
        self.n_pushed += 1
        if self.n_pushed % LOOK == 1 or self.few:
            some = x_C.nonzero()[:, 0]
            self.few = FEW * len(some) < len(x_C)
            if self.few:
                return torch.addmv(self.bias_O, self.weight_CO.index_select(0, some).t(), x_C.index_select(0, some))
        return torch.addmv(self.bias_O, self.weight_CO.t(), x_C)


class _Convolution(_Product):
    def __init__(self, conv: FrameConv) -> None:
        super().__init__(conv.weight.permute(0, 2, 1).flatten(1))
        self.look_ahead = self.waits = int(conv.padding[0])
        self.n_inputs, self.window = conv.in_channels, self.bias_O.new_zeros(len(self.weight_CO))

    def push(self, x_C: torch.Tensor) -> torch.Tensor | None:
        self.window = torch.cat([self.window[self.n_inputs :], x_C])
        if self.waits:
            self.waits -= 1
            return None
        return super().push(self.window)

    def end(self) -> Iterator[torch.Tensor]:
        found = [self.push(self.window.new_zeros(self.n_inputs)) for _ in range(self.look_ahead)]
        yield from (one for one in found if one is not None)


class _Neurons(_Stage):
    def __init__(self, neurons: LIFNode) -> None:
        self.k, self.rule = neurons.k, neurons.rule
        self.v_C: torch.Tensor | None = None

    def push(self, x_C: torch.Tensor) -> torch.Tensor:
        v_C = torch.full_like(x_C, self.rule.v_reset or 0.0) if self.v_C is None else self.v_C
        s_C, self.v_C = plif_step(x_C, v_C, self.k, self.rule)
        return s_C


class _Memory(_Stage):
    def __init__(self, memory: LinearMemory) -> None:
        self.memory, self.m_D = memory, memory.A.new_zeros(len(memory.A))

    def push(self, x_C: torch.Tensor) -> torch.Tensor:
        self.m_D = self.memory.step(x_C, self.m_D)
        return self.m_D


class _Unit(_Stage):
    def __init__(self, unit: FramesLMU) -> None:
        self.unit, self.m_D = unit, unit.A.new_zeros(len(unit.A))

    def push(self, x_C: torch.Tensor) -> torch.Tensor:
        self.m_D = self.unit.step(self.unit.W_u(x_C).relu(), self.m_D)
        return self.unit.W_h(torch.cat([self.m_D, x_C])).relu()  # type: ignore[no-any-return]


class _Fork(_Stage):
    """A path, beside which frames wait for what it makes of them."""

    def __init__(self, shortcut: Shortcut) -> None:
        self.joined, self.path = shortcut.joined, stage_of(shortcut.path)
        self.look_ahead, self.waiting = self.path.look_ahead, deque[torch.Tensor]()

    def push(self, x_C: torch.Tensor) -> torch.Tensor | None:
        self.waiting.append(x_C)
        made_C = self.path.push(x_C)
        return None if made_C is None else self.joined(made_C, self.waiting.popleft())

    def end(self) -> Iterator[torch.Tensor]:
        return (self.joined(made_C, self.waiting.popleft()) for made_C in self.path.end())


class _Chain(_Stage):
    def __init__(self, modules: Any) -> None:
        self.stages: list[_Stage] = []
        for one in modules:
            if isinstance(one, FrameNorm) and self.stages and isinstance(self.stages[-1], _Product):
                self.stages[-1].take_in(one)
            else:
                self.stages.append(stage_of(one))
        self.look_ahead = sum(one.look_ahead for one in self.stages)

    def push(self, x_C: torch.Tensor, first: int = 0) -> torch.Tensor | None:
        found: torch.Tensor | None = x_C
        for stage in self.stages[first:]:
            if found is None:
                break
            found = stage.push(found)
        return found

    def end(self) -> Iterator[torch.Tensor]:
        for number, stage in enumerate(self.stages, 1):
            for left_C in stage.end():
                found = self.push(left_C, number)
                if found is not None:
                    yield found


def stage_of(module: nn.Module) -> _Stage:
    """Return what runs a module a frame at a time.

    Raises:
        NetworkError: it needs the whole clip.
    """
    if isinstance(module, FrameNorm):
        scale_C, shift_C = (one.detach() for one in affine(module))
        return _Alone(lambda x_C: torch.addcmul(shift_C, x_C, scale_C))
    if isinstance(module, nn.Linear):
        return _Product(module.weight, module.bias)
    makers: tuple[tuple[Any, Any], ...] = (
        (nn.Sequential, _Chain),
        (Shortcut, _Fork),
        (FrameConv, _Convolution),
        (LIFNode, _Neurons),
        (FramesLMU, _Unit),
        (LinearMemory, _Memory),
        (OF_ONE_FRAME, _Alone),
    )
    for kind, make in makers:
        if isinstance(module, kind):
            return make(module)  # type: ignore[no-any-return]
    raise NetworkError(
        f"stream: {type(module).__name__} needs the whole clip before its first answer; take an LMUFormer, whose "
        "memory goes from frame to frame"
    )
