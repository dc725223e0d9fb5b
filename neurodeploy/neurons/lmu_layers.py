"""Legendre memory units as torch modules, with the arguments, returns and arrays' names of hrshtv/pytorch-lmu.

    LMU:     u = e_x x + e_h h + e_m m;    m <- A m + B u;    h <- tanh(W_x x + W_h h + W_m m)
    LMUFFT:  u = relu(W_u x + b_u);        m <- A m + B u;    h = relu(W_h [m, x] + b_h)

u is one number, of the old h and m; h is made of the new m. Axes: B sample, T step, I input, H hidden, D memory.

Source: Voelker et al., NeurIPS 2019; Chilkuri and Eliasmith, ICML 2021, arXiv:2102.11417; pytorch-lmu, 95a0b93.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from neurodeploy.errors import NetworkError
from neurodeploy.neurons.lmu import legendre_matrices
from neurodeploy.neurons.lmu_blocks import BLOCK, blocked, by_fft, by_steps, grown
from neurodeploy.neurons.lmu_scan import scan
from neurodeploy.phrases import plural

State = tuple[torch.Tensor, torch.Tensor]
"""Hidden (B, H) and memory (B, D)."""
DERIVED = ("H", "fft_H")
"""Arrays that the reference keeps beside A and B, and that follow from them."""
WAYS = ("steps", "blocks", "fft")


class _Memory(nn.Module):
    """A (D, D) and B (D, 1) of a Legendre memory.

    Raises:
        NetworkError: there is no such memory.
    """

    A: torch.Tensor
    B: torch.Tensor

    def __init__(self, sizes: dict[str, int], theta: float, learn_a: bool = False, learn_b: bool = False) -> None:
        super().__init__()
        for name, size in sizes.items():
            if size < 1:
                raise NetworkError(f"LMU: found {name}={size}, at least 1 is needed")
        A, B = legendre_matrices(sizes["memory_size"], theta)
        self.sizes, self.theta = sizes, theta
        for name, matrix, learned in (("A", A, learn_a), ("B", B[:, None], learn_b)):
            values = torch.tensor(np.array(matrix), dtype=torch.get_default_dtype())
            if learned:
                self.register_parameter(name, nn.Parameter(values))
            else:
                self.register_buffer(name, values)

    def check_stable(self) -> None:
        """Check that the memory forgets, which a learned A need not.

        Raises:
            NetworkError: an eigenvalue of a learned A lies outside the unit circle.
        """
        if not isinstance(self.A, nn.Parameter):
            return
        radius = float(np.abs(np.linalg.eigvals(self.A.detach().cpu().double().numpy())).max())
        if not radius <= 1:
            raise NetworkError(
                f"LMU: its learned A has a spectral radius of {radius:.6g}, at most 1 is allowed: the memory grows "
                "without end; train with learn_a=false, or with a lower learning rate"
            )

    def _checked(self, x: torch.Tensor, n_axes: int) -> None:
        expected = ("samples", "steps", "inputs")[:: 2 if n_axes == 2 else 1]
        if x.ndim != n_axes or x.shape[-1] != self.sizes["input_size"] or 0 in x.shape:
            raise NetworkError(
                f"LMU: found an input of shape {tuple(x.shape)}, ({', '.join(expected)}) with at least one each and "
                f"{plural(self.sizes['input_size'], 'input')} is needed"
            )

    def _start(self, x: torch.Tensor, *states: tuple[str, torch.Tensor | None]) -> list[torch.Tensor]:
        """Return states before the first step, by the names of their sizes; zeros where they are None."""
        found = []
        for name, state in states:
            wanted = (len(x), self.sizes[name])
            tensor = isinstance(state, torch.Tensor)
            if state is not None and not (tensor and tuple(state.shape) == wanted):
                kind = f"of shape {tuple(state.shape)}" if tensor else f"that is a {type(state).__name__}"
                what = f"a state of {name.removesuffix('_size')} {kind}"
                raise NetworkError(f"LMU: found {what}, (samples, {name}) = {wanted} is needed")
            found.append(x.new_zeros(wanted) if state is None else state)
        return found

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in DERIVED:
            state_dict.pop(prefix + name, None)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _pair(state: State | None) -> Iterable[tuple[str, torch.Tensor | None]]:
    """Return h and m, or None for each, by the names of their sizes."""
    if state is not None and (not isinstance(state, tuple | list) or len(state) != 2):
        found = f"of length {len(state)}" if isinstance(state, tuple | list) else f"that is a {type(state).__name__}"
        raise NetworkError(f"LMU: found a state {found}, a pair (h, m) of tensors is needed")
    return zip(("hidden_size", "memory_size"), state or (None, None), strict=True)


class LMUCell(_Memory):
    """One step of an LMU.

    Args:
        input_size, hidden_size, memory_size: I, H and D.
        theta: Length of the window that the memory holds, in steps.
        learn_a, learn_b: Train A and B.
        psmnist: Start as in the psMNIST example of the reference: from the memory alone.

    Raises:
        NetworkError: a size or theta is below 1.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        memory_size: int,
        theta: float,
        learn_a: bool = False,
        learn_b: bool = False,
        psmnist: bool = False,
    ) -> None:
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "memory_size": memory_size}
        super().__init__(sizes, theta, learn_a, learn_b)
        for letter, size in zip("xhm", sizes.values(), strict=True):
            encoder, kernel = nn.Parameter(torch.zeros(1, size)), nn.Parameter(torch.zeros(hidden_size, size))
            if letter == "x" or (letter == "h" and not psmnist):
                nn.init.uniform_(encoder, -math.sqrt(3 / size), math.sqrt(3 / size))  # LeCun's
            if letter == "m" or not psmnist:
                nn.init.xavier_normal_(kernel)
            self.register_parameter(f"e_{letter}", encoder)
            self.register_parameter(f"W_{letter}", kernel)

    e_x: torch.Tensor
    e_h: torch.Tensor
    e_m: torch.Tensor
    W_x: torch.Tensor
    W_h: torch.Tensor
    W_m: torch.Tensor

    def forward(self, x_BI: torch.Tensor, state: State) -> State:
        """Return h and m after a step."""
        self._checked(x_BI, 2)
        h_BH, m_BD = self._start(x_BI, *_pair(state))
        u_B1 = x_BI @ self.e_x.t() + h_BH @ self.e_h.t() + m_BD @ self.e_m.t()
        m_BD = m_BD @ self.A.t() + u_B1 @ self.B.t()
        h_BH = (x_BI @ self.W_x.t() + h_BH @ self.W_h.t() + m_BD @ self.W_m.t()).tanh()
        return h_BH, m_BD


class LMU(nn.Module):
    """An LMU over any number of steps; arguments and errors are those of `LMUCell`.

    From `lmu_blocks.BLOCK` steps on it runs by `lmu_scan`, whose head says what is kept for the backward pass; h and
    gradients are those of the cell up to the order of sums.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.cell = LMUCell(*args, **kwargs)

    def forward(self, x_BTI: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        """Return h of all steps (B, T, H), and the last h (B, H) and m (B, D), from which the next call goes on.

        Args:
            state: h and m before the first step; zeros when None.

        Raises:
            NetworkError: no step or no sample, or a state of another shape.
        """
        cell = self.cell
        cell._checked(x_BTI, 3)
        h_BH, m_BD = cell._start(x_BTI, *_pair(state))
        if x_BTI.shape[1] >= BLOCK:
            weights = cell.W_x, cell.W_h, cell.W_m, cell.e_x, cell.e_h, cell.A + cell.B @ cell.e_m, cell.B
            return scan(x_BTI, (h_BH, m_BD), *weights)
        found = []
        for x_BI in x_BTI.unbind(1):
            h_BH, m_BD = cell(x_BI, (h_BH, m_BD))
            found.append(h_BH)
        return torch.stack(found, 1), (h_BH, m_BD)


class LinearMemory(_Memory):
    """The memory of one number a step, m[t] = A m[t-1] + B u[t], without feedback; all its states at once.

    Args:
        sizes: `memory_size`, D, and others by their names.
        theta: Length of the window, in steps.

    Raises:
        NetworkError: there is no such memory.
    """

    def __init__(self, sizes: dict[str, int], theta: float) -> None:
        super().__init__(sizes, theta)
        self._kept: dict[Any, State] = {}

    def forward(self, u_BT1: torch.Tensor) -> torch.Tensor:
        """Return the memory after every step (B, T, D), from an empty one."""
        return self._all(u_BT1[..., 0], None, "")

    def step(self, u_1: torch.Tensor, m_D: torch.Tensor) -> torch.Tensor:
        """Return the memory after a step of one sample."""
        return torch.addmv(self.B[:, 0] * u_1, self.A, m_D)

    def _all(self, u_BT: torch.Tensor, m_BD: torch.Tensor | None, way: str) -> torch.Tensor:
        (n_samples, n_steps), order = u_BT.shape, len(self.A)
        start_BD = u_BT.new_zeros(n_samples, order) if m_BD is None else m_BD
        way = way or quickest(n_samples, n_steps, order, empty=m_BD is None)
        if way == "fft":
            return by_fft(u_BT, self._inputs(u_BT)[0])
        if way == "steps":
            return by_steps(u_BT, self.A, self.B, start_BD)
        return blocked(u_BT, self.A, self.B, torch.eye(order).to(self.A), start_BD)[0]

    def _inputs(self, u_BT: torch.Tensor) -> State:
        """Return what each step's input (T, D) and the start (D, D) add to the last memory; worked out in float64."""
        n_steps = u_BT.shape[1]
        key = n_steps, self.A._version, self.B._version, self.A.data_ptr(), u_BT.dtype, u_BT.device
        if key not in self._kept:
            A, B = self.A.detach().double(), self.B.detach().double()
            inputs_TD = grown(B.t(), A.t(), n_steps)[:, 0].flip(0).to(u_BT)
            self._kept = {key: (inputs_TD, torch.linalg.matrix_power(A.t(), n_steps).to(u_BT))}
        return self._kept[key]


class LMUFFT(LinearMemory):
    """An LMU without feedback, whose memory is a convolution: no step waits for another.

    Args:
        input_size, hidden_size, memory_size: I, H and D.
        seq_len: What the reference needs to know; sequences of any length are taken, so it may be None.
        theta: Length of the window that the memory holds, in steps.

    Raises:
        NetworkError: a size or theta is below 1.
    """

    def __init__(self, input_size: int, hidden_size: int, memory_size: int, seq_len: int | None, theta: float) -> None:
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "memory_size": memory_size}
        super().__init__(sizes | ({} if seq_len is None else {"seq_len": seq_len}), theta)
        self.W_u = nn.Linear(input_size, 1)
        self.W_h = nn.Linear(memory_size + input_size, hidden_size)

    def forward(self, x_BTI: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        """Return h of all steps (B, T, H) and of the last (B, H), as the reference; see `run`."""
        h_BTH, _ = self.run(x_BTI)
        return h_BTH, h_BTH[:, -1]

    def run(
        self, x_BTI: torch.Tensor, m_BD: torch.Tensor | None = None, *, last: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return h of all steps (B, T, H), or of the last (B, H), and the last memory (B, D).

        Args:
            m_BD: Memory before the first step, as the call before gave it; zeros when None.
            last: The last step alone, which takes one product of the inputs and a matrix (T, D) that is kept.

        Raises:
            NetworkError: no step or no sample, or a memory of another shape.
        """
        self._checked(x_BTI, 3)
        (start_BD,) = self._start(x_BTI, ("memory_size", m_BD))
        u_BT = self.W_u(x_BTI)[..., 0].relu()
        if last:
            inputs_TD, start_DD = self._inputs(u_BT)
            end_BD = u_BT @ inputs_TD if m_BD is None else u_BT @ inputs_TD + start_BD @ start_DD
            return self.W_h(torch.cat([end_BD, x_BTI[:, -1]], 1)).relu(), end_BD
        n_samples, n_steps = u_BT.shape
        if n_steps >= BLOCK and 2 * n_samples * n_steps >= BLOCK * self.sizes["hidden_size"]:  # no m is computed
            of_memory_HD, of_input_HI = self.W_h.weight.split([self.sizes["memory_size"], self.sizes["input_size"]], 1)
            z_BTH, end_BD = blocked(u_BT, self.A, self.B, of_memory_HD, start_BD)
            return (z_BTH + functional.linear(x_BTI, of_input_HI, self.W_h.bias)).relu(), end_BD
        m_BTD = self._all(u_BT, m_BD, "")
        return self.W_h(torch.cat([m_BTD, x_BTI], 2)).relu(), m_BTD[:, -1]

    def memories(self, x_BTI: torch.Tensor, m_BD: torch.Tensor | None = None, *, way: str = "") -> torch.Tensor:
        """Return m of all steps (B, T, D); other arguments and errors are those of `run`.

        Args:
            way: One of `WAYS`, which all give the same; by the sizes when empty. Fourier transforms are for memories
                that start empty.
        """
        self._checked(x_BTI, 3)
        self._start(x_BTI, ("memory_size", m_BD))
        return self._all(self.W_u(x_BTI)[..., 0].relu(), m_BD, way)


def quickest(n_samples: int, n_steps: int, order: int, *, empty: bool) -> str:
    """Return which of `WAYS` gives all memories soonest, by seconds measured on one thread of an x86 processor.

    >>> quickest(20, 784, 64, empty=True), quickest(1, 64, 256, empty=True), quickest(100, 784, 468, empty=True)
    ('blocks', 'steps', 'fft')
    """
    products, square = n_samples * n_steps * order**2, order**3 / 6e10
    seconds = {"steps": 1e-5 * n_steps + products / 4e10, "blocks": BLOCK * square + products / 6e10}
    if empty:
        seconds["fft"] = math.log2(2 * n_steps) * square + 8e-9 * n_samples * n_steps * order
    return min(seconds, key=seconds.__getitem__)
