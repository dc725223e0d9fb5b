"""`neurodeploy figure`: a figure is one file here and one name in the list below."""

from __future__ import annotations

import typer

from neurodeploy.cli import figure2, figure3, figure_nir_paper

app = typer.Typer(help="The paper's figures, with their data beside them.", no_args_is_help=True)
for one in (figure2, figure3, figure_nir_paper):
    one.register(app)


@app.callback()
def _options() -> None:
    pass
