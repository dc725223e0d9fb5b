"""What every verb does: its options become one call of the library, whose result is shown."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, get_type_hints

import neurodeploy
from neurodeploy.cli.options import GRAPH, Json, mode, sizes
from neurodeploy.cli.show import ASKED, bars, emit
from neurodeploy.cli.spelling import spelled
from neurodeploy.errors import NeurodeployError

Lines = Callable[[dict[str, Any]], Sequence[str]]
Passed = Callable[[dict[str, Any]], bool]


def verb(
    lines: Lines, *, call: str = "", passed: Passed = bool, graph: Collection[str] = (), quiet: bool = False
) -> Callable[[Callable[..., dict[str, Any] | None]], Callable[..., int]]:
    """Return a decorator that makes a command of a function whose parameters are its options.

    They are called as the arguments of the library's function. The function itself returns those arguments that are
    not what was given, None standing for the library's own.

    Args:
        lines: Makes of the result what people read.
        call: The library's function; called like the command when empty.
        passed: Says of the result whether the exit status is 0, not 1.
        graph: Which options of a graph it takes too, of `GRAPH`.
        quiet: Show no progress.
    """

    def give(options: Callable[..., dict[str, Any] | None]) -> Callable[..., int]:
        hints = get_type_hints(options, include_extras=True)
        own = inspect.signature(options).parameters.values()
        parameters = [one.replace(kind=one.KEYWORD_ONLY, annotation=hints[one.name]) for one in own]
        for name, default, annotation in (*((key, None, GRAPH[key]) for key in graph), ("as_json", False, Json)):
            parameters.append(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            )

        def command(**given: Any) -> int:
            as_json, more = given.pop("as_json"), {name: given.pop(name) for name in graph}
            taken = given | more | (options(**given) or {})
            return carried_out(call or options.__name__, taken, lines, passed, as_json=as_json, quiet=quiet)

        command.__name__, command.__doc__ = options.__name__, options.__doc__
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": int}
        return command

    return give


def carried_out(
    call: str, options: Mapping[str, Any], lines: Lines, passed: Passed = bool, *, as_json: bool, quiet: bool = False
) -> int:
    """Call a function of the library with the options that were given, show its result, and return the exit status."""
    options = dict(options)
    if ASKED.device is not None and "recipe" in options:
        options["settings"] = (*(options.get("settings") or ()), f"training.accelerator={ASKED.device}")
    if options.get("recipe"):  # a slip is told before what takes seconds is loaded
        from neurodeploy.recipes import load_recipe

        load_recipe(options["recipe"], options.get("settings") or ())
    function = getattr(neurodeploy, call)
    if ASKED.device is not None and "device" in inspect.signature(function).parameters:
        options["device"] = ASKED.device
    elif ASKED.device not in (None, "auto", "cpu") and "recipe" not in options:
        advice = "run and train take it, and bench devices; of a run folder its recipe says"
        raise NeurodeployError(f"--device: found {ASKED.device}, this runs on the CPU; {advice}")
    given = {name: value for name, value in options.items() if value is not None}
    if "input_shape" in given:
        given["input_shape"] = sizes(given["input_shape"])
    if "resume" in given:
        given["mode"] = mode(given.pop("resume"), given.pop("overwrite"))
    if quiet or "progress" not in inspect.signature(function).parameters:
        result = spelled(function(**given))
    else:
        with bars() as progress:
            result = spelled(function(**given, progress=progress))
    emit(result, lines(result), as_json=as_json)
    return 0 if passed(result) else 1
