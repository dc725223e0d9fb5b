"""The verbs put together, and what every one of them shares: errors, interrupts, exit status.

Only typer is imported here; each verb imports what it calls when it is called, so that --help is fast.
"""

import contextlib
import functools
import itertools
import os
import sys
import traceback
from typing import Annotated, Any

import typer
from typer import Option

from neurodeploy import __version__
from neurodeploy.cli import (
    bench,
    check,
    compile,
    conformance,
    data,
    figure,
    frameworks,
    inspect,
    lava,
    profile,
    run,
    simulate,
    stages,
    stream,
)
from neurodeploy.cli.options import chosen
from neurodeploy.cli.show import ASKED, LOADING
from neurodeploy.cli.spelling import SHELL
from neurodeploy.errors import NeurodeployError, nearest, plain

OPTION = SHELL.label("NEURODEPLOY_MAX_MEMORY")
WITH_VALUE, FLAGS = (OPTION, "--device"), ("-q", "--quiet", "-v", "--verbose")
"""Options of every verb, wherever they stand."""
UsageError: Any = typer.BadParameter.__base__
"""Typer's base of wrong usage: of click, or of the copy of it that newer typers bring along."""
PIPE_CLOSED = 141
"""Exit status when the reader of stdout leaves in the middle, as shells have it: 128 + SIGPIPE."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 + SIGINT."""
RESUMED = {"run": "run", "train": "train", "quantize": "run", "figure 3": "figure 3", "paper": "paper"}
"""Verbs that keep what they have done, and what goes on with it."""

app = typer.Typer(
    help="A spiking network from PyTorch to Loihi-class chips, with proof of what was kept at every step.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for verb in (
    *(run.run, stages.train, stages.quantize, stages.export, inspect.inspect, compile.compile, compile.convert),
    *(simulate.simulate, stream.stream, profile.profile, profile.fit, simulate.certify, conformance.conformance),
    *(profile.characterize, stages.report, check.check, check.compare, figure.paper, data.recipes),
):
    app.command(verb.__name__)(verb)
for group in (data, lava, frameworks, bench, figure):
    app.add_typer(group.app, name=group.__name__.rpartition(".")[2])


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, Option("--version", help="Print the version.")] = False,
    max_memory: Annotated[
        str | None,
        Option(OPTION, metavar="SIZE", help="Memory that a file's arrays may take (default: 4GB)."),
    ] = None,
    device: Annotated[
        str | None, chosen("auto", "cpu", "cuda", "gpu", "mps", help="Of any verb: where it trains or measures.")
    ] = None,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Of any verb: no progress on stderr.")] = False,
    verbose: Annotated[
        bool, Option("--verbose", "-v", help="Of any verb: every step, and where in the code an error is from.")
    ] = False,
) -> None:
    ASKED.device, ASKED.quiet, ASKED.verbose = device, quiet, verbose
    if max_memory is not None:
        from neurodeploy.memory import at_most

        context.with_resource(at_most(max_memory))
    if version:
        print(__version__)
        raise typer.Exit()


def invoke(arguments: list[str]) -> int:
    """Run one command line and return its exit status; every expected error is one line on stderr."""
    ASKED.device, ASKED.quiet, ASKED.verbose = None, False, False
    try:
        result = _command().main(args=_of_any_verb_first(arguments), prog_name="neurodeploy", standalone_mode=False)
    except NeurodeployError as error:
        if ASKED.verbose:
            traceback.print_exc()
        return _fail(error.line(SHELL), error.exit_status)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == __name__.partition(".")[0]:
            raise
        return _fail(f"{package}: is not installed; pip install {package}, or install neurodeploy-toolkit again", 2)
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 0
        return _fail(_usage(error, arguments), 2)
    except typer.Abort:
        return _interrupted(arguments)
    except KeyboardInterrupt:
        return _interrupted(arguments)
    except MemoryError:
        return _fail("memory: there is not enough for this; use fewer samples (--limit)", 2)
    except (BrokenPipeError, SystemExit):  # typer turns the first into the second
        return _reader_left(PIPE_CLOSED)
    except OSError as error:
        return _reader_left(_fail(_refused(error), 2))  # where stdout itself is full, one line says it once
    if result == INTERRUPTED:  # newer typers turn Ctrl-C into this status without a word
        return _interrupted(arguments)
    return result if isinstance(result, int) else 0


def _of_any_verb_first(arguments: list[str]) -> list[str]:
    """Return the arguments with the options that every verb takes before the verb, where typer looks for them."""
    first, rest, words = list[str](), list[str](), iter(arguments)
    for one in words:
        if one in WITH_VALUE:
            first += [one, *itertools.islice(words, 1)]
        else:
            (first if one in FLAGS or one.startswith(tuple(f"{name}=" for name in WITH_VALUE)) else rest).append(one)
    return first + rest


@functools.cache
def _command() -> Any:
    """Return the verbs as one command; putting them together takes longer than many of them."""
    found = typer.main.get_command(app)
    _described(found)
    return found


def _described(command: Any) -> None:
    """Let a list of verbs hold their whole first sentences, which typer would cut to a line."""
    for one in getattr(command, "commands", {}).values():
        one.short_help = (one.help or "").partition("\n\n")[0]
        _described(one)


def flushed(status: int) -> int:
    """Return the exit status once all of stdout is out; a reader that has left does not change it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_left(status)
    except OSError as error:
        _reader_left(status)
        return _fail(f"stdout: cannot be written ({error.strerror}); free the disk or print elsewhere", 2)
    return status


def _reader_left(status: int) -> int:
    """Let the interpreter flush what is left into nothing, so that it does not complain at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return status


def _refused(error: OSError) -> str:
    """Return what the operating system refused, where no room has said it better."""
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else "output"
    return f"{where}: {error.strerror or error}; check the path, its permissions and the disk"


def _interrupted(arguments: list[str]) -> int:
    words = [word for word in arguments if not word.startswith("-")]
    verb = " ".join(words[:2]) if " ".join(words[:2]) in RESUMED else "".join(words[:1])
    advice = f"; the run goes on with neurodeploy {RESUMED[verb]} ... --resume" if verb in RESUMED else ""
    return _fail(f"interrupted: nothing half-written is left{advice}", INTERRUPTED)


def _usage(error: Any, arguments: list[str]) -> str:
    where, command = "neurodeploy", _command()
    for word in arguments:  # where typer does not say, as of an option without its value
        if word in getattr(command, "commands", {}):
            where, command = f"{where} {word}", command.commands[word]
    where = error.ctx.command_path if error.ctx else where
    message = " ".join(error.format_message().split()).rstrip(".")
    wanted = getattr(error, "option_name", None)
    for odd in getattr(error.__cause__, "errors", list)()[:1]:  # of pydantic, which newer typers ask
        kind = "a whole number" if odd["type"].startswith("int") else "a number"
        message = f"{message.partition(': ')[0]}: found {odd['input']!r}, {kind} is needed"
    if type(error).__name__ == "NoSuchOption" and wanted and error.ctx:
        known = [name for parameter in error.ctx.command.params for name in parameter.opts]
        message = f"no such option {wanted}; {nearest(wanted, known)}"
    elif "No such command" in message and error.ctx:
        name = message.split("'")[1] if "'" in message else ""
        message = f"no such verb {name!r}; {nearest(name, error.ctx.command.commands)}"
    return f"{where}: {message[:1].lower() + message[1:]} (see {where} --help)"


def _fail(message: str, status: int) -> int:
    LOADING.stop()
    line = " ".join(message.split())
    # Names inside files are anybody's: their control characters must not reach the terminal.
    line = plain(line)
    with contextlib.suppress(OSError):
        print(f"error: {line}", file=sys.stderr)
    return status
