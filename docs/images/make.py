"""README's pictures, made anew: the top of a report, and Figure 3.

    python docs/images/make.py [--run runs/digits] [--only report,figure3]

Needs Chromium for the report; for Figure 3 the published networks and the clips (`NEURODEPLOY_DATA`, docs/figures.md).
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

import neurodeploy

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WIDTH, HEIGHT = 1100, 850
"""Of the report, in CSS pixels: what it says at its top."""
COLOURS = 64


def small(picture: Path, out: Path, width: int) -> None:
    """Write a picture at this width in few colours, so that it has less than 200 kB."""
    with Image.open(picture) as image:
        scaled = image.convert("RGB").resize(
            (width, round(image.height * width / image.width)), Image.Resampling.LANCZOS
        )
        scaled.quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)


def report(run: Path, folder: Path) -> None:
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("no Chromium is on the PATH; install one, or make the rest with --only figure3")
    if not (run / "report.html").is_file():
        neurodeploy.run("digits", out=run)
    command = (browser, "--headless=new", "--no-sandbox", "--hide-scrollbars", f"--window-size={WIDTH},{HEIGHT}")
    target = folder / "report.png"
    page = (run / "report.html").resolve().as_uri()
    subprocess.run([*command, f"--screenshot={target}", page], check=True, capture_output=True)
    small(target, HERE / "report.png", WIDTH)


def figure3(folder: Path) -> None:
    neurodeploy.figure3(out=folder / "figure3.png")
    small(folder / "figure3.png", HERE / "figure3.png", WIDTH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a finished run of digits; one is made where there is none")
    parser.add_argument("--only", default="report,figure3")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "report" in asked.only:
            report(asked.run or folder / "run", folder)
        if "figure3" in asked.only:
            figure3(folder)


if __name__ == "__main__":
    main()
