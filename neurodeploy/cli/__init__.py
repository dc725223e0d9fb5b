"""The command line: one thin file per verb."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit status: 0 done, 1 a check failed, 2 bad input."""
    from neurodeploy.cli.app import invoke

    sys.exit(invoke(sys.argv[1:]))
