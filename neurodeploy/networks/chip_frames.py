"""A network over frames as the chip holds it: a frame a step, everything that is listened to spikes, or a memory.

A potential that shortcuts carry needs no neurons of its own: whoever listens to it takes synapses from all that it is
a sum of, with maps and batch norms multiplied out. A convolution over three frames is synapses that take 0, 1 and 2
steps, so each one makes what follows a step late, and waits for the frame behind instead of looking ahead. Neurons
rest until their own first frame, and those that a convolution listens to are silenced behind the last: the host says
so in a channel of its own.

Axes: B sample, T step, I number sent, O target, N neuron, C class.
"""

import functools
import itertools
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks.frames import Beside, FrameConv, FrameNorm, Shortcut, affine, reference_name
from neurodeploy.networks.sequence import Answer
from neurodeploy.neurons.lmu_layers import LinearMemory
from neurodeploy.neurons.plif import LIFNode, PlifRule, plif
from neurodeploy.program.host import MOST, Host

INPUT = "input"
UNIT = 2.0**-9
"""Of a frame's numbers, normalised: 12 bits reach to 4 either way."""
MARGIN = 1.25
"""Of what silences neurons, above the most that can arrive behind the last frame."""


class Neurons(NamedTuple):
    """A population.

    Attributes:
        begins: Step of its first frame.
        rule, k: Of neurons that spike, else None: a memory, or at the end a frame's scores.
    """

    name: str
    size: int
    begins: int
    rule: PlifRule | None = None
    k: float = 1.0


class Tap(nn.Module):
    """Synapses that take some steps: weights (O, N) in float64, and for one of a population's its bias (O,).

    Args:
        what: They do, where that is not to carry what the source says.
    """

    def __init__(
        self,
        source: str,
        target: str,
        steps: int,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        what: str = "",
    ) -> None:
        super().__init__()
        self.source, self.target, self.steps = source, target, steps
        self.name = f"{what or source}>{target}" + f"@{steps}" * (not what and source != target)
        self.weight = nn.Parameter(weight)
        self.bias = None if bias is None else nn.Parameter(bias)


class ChipFrames(nn.Module):
    """Populations in the order of the flow, the scores last: the host adds up those of all frames.

    Args:
        host: What makes the numbers sent of frames.
    """

    def __init__(self, populations: list[Neurons], taps: list[Tap], host: Host) -> None:
        super().__init__()
        self.populations, self.taps, self.host = populations, nn.ModuleList(taps), host
        self.input_shape = host.shape
        self.memories = {tap.target for tap in taps if tap.source == tap.target}

    def forward(self, sent_BTI: torch.Tensor) -> Answer:
        """Return the mean scores of all frames, and all spikes, step by step of the chip."""
        given_BTN = {INPUT: sent_BTI.flatten(2).double()}
        hidden: list[torch.Tensor] = []
        for one in self.populations:
            into: list[Any] = [tap for tap in self.taps if tap.target == one.name]
            arriving = (_arriving(given_BTN[tap.source], tap) for tap in into if tap.source != one.name)
            x_BTN = functools.reduce(torch.add, arriving)
            if one.rule is not None:
                sent_BTN = plif(x_BTN[:, one.begins :], torch.tensor(one.k), one.rule).spikes
                x_BTN = nn.functional.pad(sent_BTN, (0, 0, one.begins, 0))
                hidden.append(x_BTN)
            elif one.name in self.memories:
                (turn,) = (tap.weight for tap in into if tap.source == one.name)
                turn_NN, states = (turn + torch.eye(one.size).to(x_BTN)).T, [x_BTN[:, 0]]
                for x_BN in x_BTN.unbind(1)[1:]:
                    states.append(states[-1] @ turn_NN + x_BN)
                x_BTN = torch.stack(states, 1)
            given_BTN[one.name] = x_BTN
        return Answer(x_BTN[:, one.begins :].mean(1), hidden, (), logits=True)


def _arriving(x_BTN: torch.Tensor, tap: Tap) -> torch.Tensor:
    late_BTN = nn.functional.pad(x_BTN, (0, 0, tap.steps, 0))[:, : x_BTN.shape[1]]
    return nn.functional.linear(late_BTN, tap.weight, tap.bias)


class Sum(NamedTuple):
    """A real value of every frame, as a sum over what was sent.

    Attributes:
        terms: By source, and the steps that what it sent takes, a matrix (O, N).
        bias: (O,).
        late: Steps from a frame to that at which its value is there.
    """

    terms: dict[tuple[str, int], torch.Tensor]
    bias: torch.Tensor
    late: int

    def through(self, weight_OI: torch.Tensor, bias_O: torch.Tensor | float = 0.0) -> "Sum":
        """Return a map of each frame."""
        terms = {key: weight_OI @ one for key, one in self.terms.items()}
        return self._replace(terms=terms, bias=weight_OI @ self.bias + bias_O)

    def waiting(self, steps: int) -> "Sum":
        """Return the same some steps later."""
        terms = {(source, taken + steps): one for (source, taken), one in self.terms.items()}
        return self._replace(terms=terms, late=self.late + steps)

    def plus(self, other: "Sum") -> "Sum":
        """Return the sum of both, of the same frames: the earlier one waits."""
        last = max(self.late, other.late)
        one, other = (each.waiting(last - each.late) for each in (self, other))
        terms = dict(one.terms)
        for key, more in other.terms.items():
            terms[key] = terms[key] + more if key in terms else more
        return Sum(terms, one.bias + other.bias, last)


class Flow:
    """Follows a value through modules, and makes populations where it comes to neurons."""

    def __init__(self) -> None:
        self.populations: list[Neurons] = []
        self.sums: dict[str, Sum] = {}
        self.memories: dict[str, torch.Tensor] = {}
        self.ends: set[str] = set()
        """Populations that a convolution listens to, which is given zeros behind the last frame."""

    def sent(self, one: Neurons, value: Sum) -> Sum:
        """Return what a population sends that takes a value."""
        self.populations.append(one)
        self.sums[one.name] = value
        return Sum({(one.name, 0): torch.eye(one.size).double()}, torch.zeros(one.size).double(), value.late)

    def through(self, module: nn.Module, value: Sum, path: str) -> Sum:
        """Return what a module makes of a value.

        Raises:
            NetworkError: it sends something else than spikes or a memory's states, or needs all frames at once.
        """
        size = len(value.bias)
        if isinstance(module, FrameNorm):
            scale_C, shift_C = (one.detach().double() for one in affine(module))
            return value.through(torch.diag(scale_C), shift_C)
        if isinstance(module, nn.Linear):
            bias = 0.0 if module.bias is None else module.bias.detach().double()
            return value.through(module.weight.detach().double(), bias)
        if isinstance(module, FrameConv):
            assert not value.bias.any()  # which zeros beside the clip would not have
            self.ends |= {source for source, _ in value.terms}
            taps = module.weight.detach().double().unbind(2)
            first, *others = (value.through(tap).waiting(steps) for steps, tap in enumerate(reversed(taps)))
            found = first._replace(late=value.late + 1)
            for one in others:
                found = found.plus(one._replace(late=found.late))
            return found
        if isinstance(module, LIFNode):
            return self.sent(Neurons(reference_name(path), size, value.late, module.rule, module.k), value)
        if isinstance(module, LinearMemory):
            b_D1, a_DD = (one.detach().double() for one in (module.B, module.A))
            memory = Neurons(f"{reference_name(path)}.m", len(a_DD), value.late)
            self.memories[memory.name] = a_DD - torch.eye(memory.size).double()
            return self.sent(memory, value.through(b_D1))
        if isinstance(module, Shortcut):
            made = self.through(module.path, value, f"{path}.path")
            if not isinstance(module, Beside):
                return made.plus(value)
            eye = torch.eye(len(made.bias) + size).double()
            return made.through(eye[:, :-size]).plus(value.through(eye[:, -size:]))
        if isinstance(module, nn.Sequential):
            for name, part in module.named_children():
                value = self.through(part, value, f"{path}.{name}")
            return value
        raise NetworkError(
            f"{reference_name(path)} is a {type(module).__name__}, which sends no spikes frame by frame",
            "train it only, or set network.model = spiking_lmuformer_ms",
            where="network",
        )


@torch.no_grad()
def chip_frames(network: Any) -> ChipFrames:
    """Return a trained network over frames as synapses between populations; see `networks.streaming.Streamable`.

    Args:
        network: With the `mean` that is taken off its input, and the `scale` that divides it then. Frames are sent in
            units of 2^-9, 12 bits.

    Raises:
        NetworkError: it has a part that no chip can run.
    """
    flow, n_inputs = Flow(), network.n_inputs
    eye = torch.eye(n_inputs).double()
    host = Host.of(
        (eye.diag() / network.scale)[:, None, None, None].numpy(),
        (-eye.diag() * network.mean / network.scale).numpy(),
        (n_inputs, 1, 1),
        once=False,
        unit=UNIT,
    )
    value = Sum({(INPUT, 0): nn.functional.pad(UNIT * eye, (0, 1))}, eye[0] * 0, 0)
    for name, stage in network.named_children():
        if stage in network.stages:
            value = flow.through(stage, value, name)
    score = flow.through(network.head, value, "head")
    flow.sent(Neurons("head", len(score.bias), score.late), score)
    host = replace(host, behind=score.late)
    late = {INPUT: 0} | {one.name: one.begins for one in flow.populations}
    taps = []
    for name, (terms, bias, _) in flow.sums.items():
        biases = itertools.chain([bias], itertools.repeat(None))
        taps += [Tap(source, name, steps, one, next(biases)) for (source, steps), one in terms.items()]
        if name in flow.memories:
            taps.append(Tap(name, name, 1, flow.memories[name]))
        if name in flow.ends:
            ahead = {key: one for key, one in terms.items() if key[1] > late[name] - late[key[0]]}
            most = {INPUT: float(MOST)}
            arriving = sum(one.clamp(min=0).sum(1) * most.get(source, 1.0) for (source, _), one in ahead.items())
            silence = eye.new_zeros(len(bias), n_inputs + 1)
            silence[:, -1] = -MARGIN * (arriving + bias.clamp(min=0)).max() / MOST
            taps.append(Tap(INPUT, name, late[name], silence, what="behind"))
    return ChipFrames(flow.populations, taps, host)
