"""The command line: one thin file per verb."""

import os
import sys


def main() -> None:
    """Run the command line and leave with its exit status: 0 done, 1 a check failed, 2 bad input."""
    from neurodeploy.cli.app import flushed, invoke
    from neurodeploy.cli.show import LOADING

    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller (>&-)
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        else:
            stream.reconfigure(errors="backslashreplace")
    LOADING.start()
    status = invoke(sys.argv[1:])
    LOADING.stop()
    sys.exit(flushed(status))
