#!/usr/bin/env python3
"""Draws every view of the dashboard at several sizes and in several colours, for review.

    tests/bench/pictures.py DIR                     # trains a small run, then draws every view
    tests/bench/pictures.py DIR --run night         # draws an existing run
    tests/bench/pictures.py DIR --views 3 5 --sizes 80x24 --colors 256

Writes a picture for each view, size, number of colours and background, and for each view and size a contact
sheet of them all. Contact sheets need Pillow; without it only the single pictures are written.
"""

import argparse
import os
import pathlib
import subprocess
import tempfile

try:
    from PIL import Image
except ImportError:
    Image = None

ROOT = pathlib.Path(__file__).resolve().parents[2]
#: The keys that lead to each view, by the name of its pictures.
VIEWS = {
    "overview": "1",
    "curves": "2",
    "weights": "3",
    "weights-output": "3>",
    "weights-one": "3\n",
    "digits": "4w→",
    "sheet": "4w\n",
    "confusion": "5",
    "gradients": "6",
    "network": "7",
    "features": "8",
    "book": "9",
    "draw": "D",
    "draw-traced": "Dt",
    "explore": "0",
    "help": "1?",
    "recipe": "1i",
    "messages": "1m",
    "palette": "1:",
}
SIZES = ["80x24", "120x40", "200x60"]
COLORS = ["truecolor", "256", "16"]
BACKGROUNDS = ["dark", "light"]


def sheet(files, output):
    """Writes pictures of one size beside and below each other, two in a row."""
    pictures = [Image.open(file).convert("RGB") for file in files]
    width, height = pictures[0].size
    columns = min(2, len(pictures))
    rows = -(-len(pictures) // columns)
    whole = Image.new("RGB", (columns * width, rows * height))
    for at, picture in enumerate(pictures):
        whole.paste(picture, (at % columns * width, at // columns * height))
    whole.save(output)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--binary", default=ROOT / "target" / "release" / "nntop")
    parser.add_argument("--run", help="a run's name or id; without one, a run is trained")
    parser.add_argument("--views", nargs="+", default=list(VIEWS), help=f"any of {' '.join(VIEWS)}")
    parser.add_argument("--sizes", nargs="+", default=SIZES)
    parser.add_argument("--colors", nargs="+", default=COLORS)
    parser.add_argument("--backgrounds", nargs="+", default=BACKGROUNDS)
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with tempfile.TemporaryDirectory() as state:
        run = options.run
        if run is None:
            run = "pictures"
            environment["XDG_STATE_HOME"] = state
            start = [options.binary, "train", "--detach", "--name", run, "--epochs", "12"]
            subprocess.run(start, env=environment, check=True, stdout=subprocess.DEVNULL)
            subprocess.run([options.binary, "wait", run], env=environment, check=True)
        for view in options.views:
            for size in options.sizes:
                files = []
                for color in options.colors:
                    for background in options.backgrounds:
                        file = options.directory / f"{view}-{size}-{color}-{background}.png"
                        command = [options.binary, "picture", run, file, "--size", size, "--keys", VIEWS[view]]
                        command += ["--color", color, "--background", background]
                        subprocess.run(command, env=environment, check=True)
                        files.append(file)
                if Image is not None and len(files) > 1:
                    sheet(files, options.directory / f"{view}-{size}.png")


if __name__ == "__main__":
    main()
