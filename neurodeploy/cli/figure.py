"""`neurodeploy figure`: a figure is one file here and one line below."""

from __future__ import annotations

import typer

from neurodeploy.cli.figure2 import figure2
from neurodeploy.cli.figure3 import figure3
from neurodeploy.cli.figure_nir_paper import figure_nir_paper

app = typer.Typer(help="The paper's figures, with their data beside them.", no_args_is_help=True)
app.command("2")(figure2)
app.command("3")(figure3)
app.command("nir-paper")(figure_nir_paper)
