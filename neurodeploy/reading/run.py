"""A user's module run once on sample input, step by step as its users run it, and recorded."""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn

from neurodeploy.errors import FrameworkError, NetworkError, NeurodeployError, nearest
from neurodeploy.neurons.ssm.layer import zero_start
from neurodeploy.reading.host import Host
from neurodeploy.reading.inputs import Sample, batch_like, parts_of
from neurodeploy.reading.instances import Changing, Unfollowed, Wider
from neurodeploy.reading.leaves import Neurons
from neurodeploy.reading.pool_after import PoolAfter
from neurodeploy.reading.recorder import Recorder


class CannotRun(FrameworkError):
    """Torch, or the module itself, refuses the sample."""


Forward = Callable[[Any, Any], Any]


def recorded(
    module: nn.Module,
    sample: Sample,
    time_axis: int,
    forward: Forward | None,
    host: Host | None = None,
    straight: bool = False,
    after: PoolAfter | None = None,
) -> tuple[Recorder, Any]:
    """Return the recording of a run, and what the module gave.

    A module that holds the loop over steps, or takes all of them at once, gets the whole sample. One that takes a
    step at a time gets one after the other along `time_axis`, and its states back where it returns them.

    Raises:
        FrameworkError: it cannot be run, or holds something that is not known.
    """
    if host is not None:
        paths = [path for path, _ in module.named_modules() if path]
        if host.path not in paths:
            found = f"host: {host.path!r} is not the path of a layer of the module"
            raise FrameworkError(f"{found}; {nearest(host.path, paths)}")
    if forward is not None:
        return _run(module, sample, forward, host, straight, after)
    first: FrameworkError | None = None
    try:
        recorder, result = _run(module, sample, _called, host, straight, after)
        if not _takes_one_step(recorder):
            return recorder, result
    except FrameworkError as error:
        first = error
    try:
        by_step = partial(_stepwise, time_axis=time_axis)
        recorder, result = _run(module, sample, by_step, host, straight, after)
    except NetworkError:  # of a module of ours that takes no single step
        if first is None:
            raise
        raise first from None
    except FrameworkError as error:
        # Of two ways to run a module, the one that gets further says what is wrong with it.
        raise max((one for one in (first, error) if one is not None), key=_told) from None
    recorder.stepwise = True
    return recorder, result


def _told(error: FrameworkError) -> int:
    return 0 if isinstance(error, CannotRun | Unfollowed) else 1 if isinstance(error, Changing) else 2


def _takes_one_step(recorder: Recorder) -> bool:
    """True where every layer of neurons was called for a single step."""
    if len(recorder.host_spikes) > 1:
        return False
    return recorder.instances != [] and all(
        one.steps == 1 and not one.leaf.sequence for one in recorder.instances if isinstance(one.leaf, Neurons)
    )


def _called(module: nn.Module, given: Sample, *more: Any) -> Any:
    """Run a module on its input: several as arguments of their own where it takes as many, else as one tuple."""
    apart = parts_of(given)
    if len(apart) > 1:
        try:
            inspect.signature(module.forward).bind(*apart, *more)
        except TypeError:
            return module(given, *more)
    return module(*apart, *more)


def _stepwise(module: nn.Module, sample: Sample, time_axis: int) -> list[Any]:
    """Run a module that takes one step at a time, handing states on as norse's modules do."""
    hands_on = "state" in inspect.signature(module.forward).parameters
    least = min(one.dim() for one in parts_of(sample))
    if least <= abs(time_axis):
        raise FrameworkError(f"sample_input: has {least} axes, none of them is time; give it one, or forward=")
    state: Any = None
    found = []
    for steps in zip(*(one.unbind(time_axis) for one in parts_of(sample)), strict=True):
        given = steps if isinstance(sample, tuple) else steps[0]
        if hands_on:
            result, state = _called(module, given, state)
        else:
            result = _called(module, given)
        found.append(result)
    return found


def _run(
    module: nn.Module, sample: Sample, forward: Forward, host: Host | None, straight: bool, after: PoolAfter | None
) -> tuple[Recorder, Any]:
    wider: dict[str, int] = {}
    while True:
        try:
            return _run_once(module, sample, forward, Recorder(module, sample, host, wider, straight, after))
        except Wider as error:
            wider[error.layer] = wider.get(error.layer, 0) + 1


def _run_once(module: nn.Module, sample: Sample, forward: Forward, recorder: Recorder) -> tuple[Recorder, Any]:
    rest(module)
    after = recorder.after
    with zero_start(module), _as_written(module), after or nullcontext(), recorder.recording(), _behind(after):
        try:
            result = forward(module, sample)
        except NeurodeployError:
            raise
        except Exception as error:  # whatever a user's module may raise; it is told where
            where = recorder.name(recorder.around[-1]) if recorder.around else type(module).__name__
            line = str(error).splitlines()[0] if str(error) else ""
            raise CannotRun(
                f"{where}: cannot be run on the sample input ({type(error).__name__}: {line[:160]}); "
                f"{_advice(error, line)}"
            ) from None
    rest(module)
    return recorder, result


def _advice(error: Exception, line: str) -> str:
    if "dtype" in line:
        return "deploy module.float()"
    if "scalar types" in line:
        return "indices are no spikes: look up what they stand for outside, and give the module that"
    if isinstance(error, RuntimeError | ValueError | IndexError):
        return "give it the shape the module takes, or forward= with a function that runs it"
    return "make it run on that, or give forward= with a function that runs it"


def answered(
    module: nn.Module,
    time_axis: int,
    forward: Forward | None,
    stepwise: bool,
    after: PoolAfter | None,
    like: Sample,
    values: Any,
) -> Any:
    """Return what a module gives for a batch like its sample input, run as in its recording.

    Args:
        values: Several inputs side by side.

    Raises:
        CannotRun: it cannot be run on it.
    """
    rest(module)
    batch = batch_like(like, values)
    try:
        with zero_start(module), _as_written(module), torch.no_grad(), after or nullcontext(), _behind(after):
            if forward is not None:
                return forward(module, batch)
            return _stepwise(module, batch, time_axis) if stepwise else _called(module, batch)
    except Exception as error:  # whatever a user's module may raise
        line = str(error).splitlines()[0] if str(error) else ""
        raise CannotRun(f"cannot be run on these samples ({type(error).__name__}: {line[:160]})") from None
    finally:
        rest(module)


def _as_written(module: nn.Module) -> AbstractContextManager[Any]:
    """Let what torch.compile made of submodules run as it was written: compiled, no operation of it can be followed."""
    compiled = any(hasattr(one, "_orig_mod") for one in module.modules())  # else torch's compiler is not even loaded
    return torch.compiler.set_stance("force_eager") if compiled else nullcontext()


def _behind(after: PoolAfter | None) -> AbstractContextManager[None]:
    return nullcontext() if after is None else after.behind()


def rest(module: nn.Module) -> None:
    """Put every layer of neurons back to rest, as its framework does."""
    for one in module.modules():
        for name in ("reset_mem", "reset"):
            call = getattr(one, name, None)
            if type(one).__module__.split(".")[0] in ("snntorch", "spikingjelly") and callable(call):
                call()
                break
