"""Arguments and verbs as the command line writes them: the one place that knows dashes."""

from collections.abc import Mapping
from typing import Any

from neurodeploy.phrases import Phrase, Spelling

NAMES = {
    "NEURODEPLOY_MAX_MEMORY": "max-memory",
    "batches": "batch",
    "budget_file": "budget",
    "dt_s": "dt",
    "for_framework": "for",
    "probes": "probe",
    "settings": "set",
    "thread_counts": "threads",
}
"""Options that are called otherwise than the arguments of the Python functions."""
FLAGS = {"mode": {"resume": "--resume", "overwrite": "--overwrite"}}
"""Arguments whose values are options of their own."""


class Shell(Spelling):
    """How the command line writes them.

    >>> SHELL.option("weight_bits", "8"), SHELL.option("mode", "resume"), SHELL.label("dt_s")
    ('--weight-bits 8', '--resume', '--dt')
    >>> SHELL.command("run", ("RECIPE",), {"out": "DIR", "mode": "resume"})
    'neurodeploy run RECIPE --out DIR --resume'
    """

    def label(self, name: str) -> str:
        return "--" + NAMES.get(name, name.replace("_", "-"))

    def option(self, name: str, value: str = "") -> str:
        value = value.strip("'\"")
        if value in FLAGS.get(name, {}):
            return FLAGS[name][value]
        return self.label(name) if value in ("", "True") else f"{self.label(name)} {value}"

    def command(self, verb: str, arguments: tuple[object, ...], options: Mapping[str, object]) -> str:
        told = [*map(str, arguments), *(self.option(name, str(value)) for name, value in options.items())]
        return " ".join(["neurodeploy", verb, *told])


SHELL = Shell()


def spelled(value: Any) -> Any:
    """Return a result with every `Phrase` in it as the command line writes it."""
    if isinstance(value, Phrase):
        return value.spelled(SHELL)
    if isinstance(value, dict):
        return {key: spelled(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [spelled(one) for one in value]
    return value
