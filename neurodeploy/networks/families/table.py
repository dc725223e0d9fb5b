"""Every family of networks, by the name that the [network] table of a recipe gives; a new one is a file and a line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.installed import imported, version_of
from neurodeploy.networks.families import ann, folded, lif, lmu, lmuformer, plif, s4d, silif, stepped, transformer
from neurodeploy.networks.families.settings import NetworkSettings

Build = Callable[[Any, tuple[int, ...], int, float], nn.Module]
Deployable = Callable[[Any], nn.Module]


@dataclass(frozen=True)
class Family:
    """One family of networks.

    Attributes:
        settings: Its [network] table, with its name as the default of `family`.
        build: From the settings, the axes of the input at a step, the number of classes and the time step in seconds
            to a new network, whose initial weights come from torch's global generator. It takes (B, T, I), the axes of
            a step in one, and gives the spikes of every layer, the output's last, or an `Answer`.
        deployable: From a trained network to what is quantised and exported: batch norms, clips and gains folded in.
            None where no chip can run it.
        package: The framework that it computes in, another than torch: its version is recorded, and what is read of
            it is a stage of certificates.
    """

    settings: type[NetworkSettings]
    build: Build
    deployable: Deployable | None = lambda network: network
    package: str | None = None


FAMILIES: dict[str, Family] = {
    "lif": Family(lif.LifSettings, lif.build),
    "silif": Family(silif.SilifSettings, silif.build, folded.deployable),
    "snntorch": Family(stepped.SteppedSettings, stepped.build, package="snntorch"),
    "norse": Family(stepped.SteppedSettings, stepped.build, package="norse"),
    "plif": Family(plif.PlifSettings, plif.build, plif.deployable),
    "ann": Family(ann.AnnSettings, ann.build, deployable=None),
    "s4d": Family(s4d.S4DSettings, s4d.build, deployable=None),
    "lmu": Family(lmu.LmuSettings, lmu.build, lmu.deployable),
    "lmuformer": Family(lmuformer.LmuFormerSettings, lmuformer.build, lmuformer.deployable),
    "transformer": Family(transformer.TransformerSettings, transformer.build, transformer.deployable),
}


def family_of(settings: NetworkSettings) -> Family:
    """Return the family of a recipe's network."""
    return FAMILIES[settings.family]


def build_network(settings: NetworkSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float) -> Any:
    """Return a new network; its weights come from torch's global generator.

    Its own `input_shape` is what it takes at a step: a dense one takes all axes side by side, as samples are read.

    Args:
        input_shape: Axes of the input at a step: (channels,), or (channels, rows, columns).
        dt_s: Time step, seconds.

    Raises:
        NetworkError: the settings ask for what the family cannot be.
        FrameworkError: its framework is not installed.
    """
    return family_of(settings).build(settings, input_shape, n_classes, dt_s)


def deployable(network: Any, settings: NetworkSettings, name: str) -> Any:
    """Return the form of a trained network that is quantised and exported; it may share parts with `network`.

    Args:
        name: Of the recipe, for messages.

    Raises:
        NetworkError: no chip can run it.
    """
    fold = family_of(settings).deployable
    if fold is None:
        called = getattr(settings, "model", settings.family)
        raise NetworkError(f"{name}: a {called} sends no spikes, so no chip of this kind runs it; train it only")
    return fold(network)


def versions(settings: NetworkSettings) -> dict[str, str]:
    """Return the versions of what such a network is built of, torch and our own package aside.

    Raises:
        FrameworkError: it is not installed; the line says what to install.
    """
    package = family_of(settings).package
    if package is None:
        return {}
    imported(package, package)
    return {package: version_of(package)}
