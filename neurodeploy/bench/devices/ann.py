"""The bit-matched ANN of a run: trained, quantised, tested once, and kept in the run folder for other machines.

Same layer shapes, training settings, training part and weight bits as the spiking network. Its input are the sample's
spike counts. In how many time windows they are summed is chosen on the validation part, before anything is tested: the
fewest within one standard error of the best, because each window costs the ANN all its operations again.
"""

import contextlib
import copy
import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import RunError
from neurodeploy.networks.chip_memory import ChipMemory
from neurodeploy.networks.matched import LayerShape, MatchedANN, MatchedLayer, counted
from neurodeploy.networks.spiking_layer import SpikingLayer
from neurodeploy.pipeline.conversion import part
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.stages import quantised_network
from neurodeploy.progress import Progress
from neurodeploy.quantize.uniform import LEAST_STEP, ValueQuantiser, WeightQuantiser, matched_bits
from neurodeploy.recipes import Recipe
from neurodeploy.training.checkpoint import load_weights, save_weights
from neurodeploy.training.fit import evaluate, fit
from neurodeploy.training.settings import TrainingSettings

FILE = "ann.safetensors"
WINDOWS = (1, 4, 16)
"""Windows that are tried."""
CALIBRATION_SAMPLES = 512
AT_ONCE = 64
"""Of them, read together."""
PERCENTILE = 0.999
"""Of a layer's values on training samples: what the largest whole number stands for. More is clipped."""


def matched_ann(folder: RunFolder, progress: Progress, windows: int | None = None) -> dict[str, Any]:
    """Train, quantise and test the ANN of a run, keep it in the run's folder, and return its record for devices.json.

    Args:
        windows: This many, instead of a choice on the validation part.

    Raises:
        RunError: the run has no quantised network, or one with convolutions.
    """
    recipe = folder.recipe()
    shapes = layer_shapes(quantised_network(folder))
    train, validation = part(recipe, "train"), part(recipe, "validation")

    def trained_on(windows: int) -> MatchedANN:
        torch.manual_seed(recipe.training.seed)
        mean = float(_sample_counts(train, windows).abs().mean())
        network = MatchedANN(shapes, windows, gain=1 / mean if mean else 1.0)
        fit(network, train, validation, _settings(recipe), progress=_told(progress, f"ann {windows} windows"))
        return network

    choices = [windows] if windows else [one for one in WINDOWS if one <= train.n_steps]
    trained = {one: trained_on(one) for one in choices}
    tried = {one: evaluate(network, validation) for one, network in trained.items()}
    best = trained[fewest_windows(tried, len(validation))]
    test = part(recipe, "test")
    accuracy = {"float": evaluate(best, test), "float_validation": tried[best.windows]}
    teacher = copy.deepcopy(best)
    _put_on_grid(best, recipe, train)
    accuracy["ptq_validation"] = evaluate(best, validation)
    if recipe.quantize.method == "qat":
        update = {"epochs": recipe.quantize.epochs, "learning_rate": recipe.quantize.learning_rate}
        settings = _settings(recipe).model_copy(update=update)
        told = _told(progress, "ann fine-tune")
        fit(best, train, validation, settings, keep_initial=True, teacher=teacher, progress=told)
    accuracy |= {"quantised": evaluate(best, test), "quantised_validation": evaluate(best, validation)}
    save_weights(folder.path / FILE, best)
    return _record(best, recipe, train, accuracy, tried) | {"digest": _digest(folder)}


def layer_shapes(network: nn.Module) -> list[LayerShape]:
    """Return the shape of every layer of a network, the output's or readout's last.

    Raises:
        RunError: it has convolutions, or sends values.
    """
    if isinstance(network, ChipMemory):
        raise RunError("the network's memory sends values; networks of spikes alone are measured here")
    found = []
    for one in network.modules():
        if isinstance(one, SpikingLayer):
            found.append(LayerShape(one.n_inputs, one.n_neurons, one.recurrent is not None))
        elif isinstance(one, nn.Linear):
            found.append(LayerShape(one.in_features, one.out_features, False))
        elif isinstance(one, nn.Conv2d):
            raise RunError("the network has convolutions; networks of full layers alone are measured here")
    return found


def dense_macs(shapes: list[LayerShape], n_steps: int) -> int:
    """Return what torch multiplies for one sample: every weight in every step, spike or none."""
    return n_steps * sum(one.forward_weights + one.recurrent_weights for one in shapes)


def kept_ann(folder: RunFolder, record: dict[str, Any]) -> MatchedANN | None:
    """Return the ANN that a record speaks of, from its run folder; None where the file is not there or another's."""
    if not (folder.path / FILE).exists() or _digest(folder) != record["digest"]:
        return None
    shapes = [LayerShape(*one) for one in record["shape"]]
    network = MatchedANN(shapes, record["windows"], record["input"]["gain"])
    _attach(network, record["weight_bits"], record["activation_bits"], signed=record["input"]["signed"])
    load_weights(folder.path / FILE, network)
    return network.eval()


def settled(network: MatchedANN, device: torch.device) -> MatchedANN:
    """Return a copy on a device whose weights are the quantised ones, so that no call works them out again."""
    found = copy.deepcopy(network).to(device).eval()
    with torch.no_grad():
        for layer in found.layers:
            assert isinstance(layer, MatchedLayer)
            layer.weight.copy_(layer.on_grid(layer.weight))
            if layer.recurrent is not None:
                layer.recurrent.copy_(layer.on_grid(layer.recurrent))
            layer.quantiser = None
    return found


def fewest_windows(accuracy: Mapping[int, float], n_samples: int) -> int:
    """Return the fewest windows whose validation accuracy is within one standard error of the best.

    >>> fewest_windows({1: 0.977, 16: 0.981}, n_samples=216), fewest_windows({1: 0.4, 16: 0.981}, n_samples=216)
    (1, 16)
    """
    best = max(accuracy.values())
    error = math.sqrt(best * (1 - best) / n_samples)
    return min(one for one, found in accuracy.items() if found >= best - error)


def _settings(recipe: Recipe) -> TrainingSettings:
    """Return the run's settings; the logits are the ANN's outputs as they are, and it has no spikes to keep few."""
    update = {"logit_gain": 1.0, "score_gain": 1.0, "rate_penalty": 0.0, "rate_bounds_penalty": 0.0}
    return recipe.training.model_copy(update=update)


def _told(progress: Progress, stage: str) -> Any:
    def told(done: int, total: int, epoch: dict[str, float]) -> None:
        progress(stage, done, total, f"validation {100 * epoch['validation_accuracy']:.1f} %")

    return told


def _sample_counts(train: SampleSource, windows: int) -> torch.Tensor:
    """Return the counts of training samples from all over the part, (B, K, I)."""
    spread = train.take(np.arange(0, len(train), max(1, len(train) // CALIBRATION_SAMPLES)))
    return torch.cat([counted(torch.from_numpy(one.spikes_BTI).float(), windows) for one in spread.batches(AT_ONCE)])


def _put_on_grid(network: MatchedANN, recipe: Recipe, train: SampleSource) -> None:
    """Give weights and values their quantisers, the values' steps from training samples of the float network."""
    counts_BKI = _sample_counts(train, network.windows)
    signed = bool((counts_BKI < 0).any())
    outputs: list[torch.Tensor] = []
    with torch.no_grad(), contextlib.ExitStack() as hooks:
        for layer in network.layers[:-1]:
            hook = layer.register_forward_hook(lambda _module, _given, found: outputs.append(found.detach()))
            hooks.enter_context(hook)
        network.outputs(counts_BKI)
    _attach(network, recipe.quantize.weight_bits, matched_bits(train.n_steps), signed=signed)
    whole = train.kind != "real"
    for quantiser, values in zip(_of_values(network), [counts_BKI, *outputs], strict=True):
        as_they_are = values is counts_BKI and whole and float(values.max()) <= quantiser.most
        most = np.quantile(values.abs().numpy(), PERCENTILE)
        quantiser.step.fill_(1.0 if as_they_are else max(float(most) / quantiser.most, LEAST_STEP))


def _attach(network: MatchedANN, weight_bits: int, activation_bits: int, *, signed: bool) -> None:
    network.of_input = ValueQuantiser(activation_bits, signed=signed)
    for layer in network.layers:
        layer.quantiser = WeightQuantiser(weight_bits)
    for layer in network.layers[:-1]:
        layer.activation = ValueQuantiser(activation_bits)


def _of_values(network: MatchedANN) -> list[ValueQuantiser]:
    return [network.of_input, *(layer.activation for layer in network.layers[:-1])]  # type: ignore[list-item]


def _record(
    network: MatchedANN, recipe: Recipe, train: SampleSource, accuracy: dict[str, float], tried: dict[int, float]
) -> dict[str, Any]:
    bits = matched_bits(train.n_steps)
    return {
        "accuracy": accuracy,
        "weight_bits": recipe.quantize.weight_bits,
        "activation_bits": bits,
        "activation_bits_why": f"min(8, ceil(log2(T + 1))) for T = {train.n_steps} steps (arXiv:2409.08290)",
        "macs_per_sample": network.macs,
        "activations_per_sample": network.activations,
        "weights": network.weights_of_shape,
        "parameters": network.parameters_of_shape,
        "shape": [list(one) for one in network.shapes],
        "windows": network.windows,
        "windows_tried": {str(key): value for key, value in tried.items()},
        "input": {
            "what": f"spike counts over {network.windows} equal part(s) of {train.n_steps} steps",
            "gain": network.gain,
            "signed": _of_values(network)[0].signed,
            "step": float(_of_values(network)[0].step),
        },
        "training": _settings(recipe).model_dump(mode="json"),
        "quantisation": recipe.quantize.method,
    }


def _digest(folder: RunFolder) -> str:
    return hashlib.sha256((folder.path / FILE).read_bytes()).hexdigest()
