"""Training on several devices, each with a process of its own, by Lightning.

Each process has a copy of the network and its share of every batch; Lightning averages the gradients. The processes
are forked within `fit`, so that nothing else of a run happens twice; what the first of a machine keeps comes back
through a file. Batch norm takes the samples of one process.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch.multiprocessing import ProcessRaisedException

from neurodeploy.errors import NeurodeployError, RecipeError, RunError
from neurodeploy.training.settings import TrainingSettings

NODE = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")
"""What Lightning reads of a machine among several."""


def trainer_options(settings: TrainingSettings) -> dict[str, Any]:
    """Return Lightning's options for so many devices.

    Raises:
        RecipeError: there are fewer, or a machine does not know which of several it is.
    """
    n_gpus = torch.cuda.device_count()
    on_gpus = settings.accelerator in ("gpu", "cuda") or (settings.accelerator == "auto" and n_gpus > 0)
    if on_gpus and settings.devices > n_gpus:
        raise RecipeError(
            f"training.devices: found {settings.devices}, this machine has {n_gpus}; set as many or fewer"
        )
    lacking = [name for name in NODE if name not in os.environ]
    if settings.nodes > 1 and lacking:
        raise RecipeError(
            f"training.nodes: found {settings.nodes}, and {', '.join(lacking)} not in the environment; start the same "
            "command on each machine with the address and a free port of the first, and its number from 0"
        )
    shared = settings.devices * settings.nodes > 1
    strategy = "ddp_fork" if shared else "auto"
    return {
        "devices": settings.devices,
        "num_nodes": settings.nodes,
        "strategy": strategy,
        "use_distributed_sampler": False,  # our batches are shared by `share`
    }


def process() -> tuple[int, int]:
    """Return which of how many processes this is."""
    shared = torch.distributed.is_available() and torch.distributed.is_initialized()
    return (torch.distributed.get_rank(), torch.distributed.get_world_size()) if shared else (0, 1)


def share(batch: list[int], rank: int, n_processes: int) -> list[int]:
    """Return the samples of a batch that are a process's, as many as every other's: of the last batch some come twice.

    >>> [share([3, 1, 4, 1, 5], rank, 2) for rank in (0, 1)]
    [[3, 4, 5], [1, 1, 3]]
    """
    each = -(-len(batch) // n_processes)
    filled = (batch * n_processes)[: each * n_processes]
    return filled[rank::n_processes]


class BringsBack(pl.Callback):
    """Leaves what another callback keeps where the process that started the training finds it.

    Args:
        keeper: With `state_dict` and `load_state_dict` of plain values and tensors.
    """

    def __init__(self, keeper: pl.Callback, file: Path) -> None:
        self.keeper, self.file = keeper, file

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.local_rank == 0:
            torch.save(self.keeper.state_dict(), self.file)


@contextmanager
def brought_back(keeper: pl.Callback, settings: TrainingSettings) -> Iterator[list[pl.Callback]]:
    """Yield the callbacks to train with; afterwards `keeper` knows what it learnt in other processes.

    Raises:
        RunError: what a process refused, in its words.
    """
    if settings.devices * settings.nodes == 1:
        yield [keeper]
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "kept.pt")
        try:
            yield [keeper, BringsBack(keeper, file)]
        except ProcessRaisedException as error:
            kind, _, text = str(error).strip().splitlines()[-1].partition(": ")
            if not kind.startswith(NeurodeployError.__module__):
                raise
            raise RunError(text) from None
        keeper.load_state_dict(torch.load(file, weights_only=True))
