#!/usr/bin/env python3
"""Makes assets/demo.gif: a real run, drawn while it trains. Needs Pillow.

    cargo build --release && python3 assets/demo.py

A run is started in a session of its own and trained one epoch per frame, while `nntop picture` draws what a
dashboard shows, view after view. Then the run is removed.
"""

import argparse
import os
import pathlib
import subprocess
import tempfile

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[1]
RECIPE = ["--layers", "784,30,10", "--cost", "cross-entropy", "--eta", "0.5", "--init", "scaled", "--epochs", "1000"]
SIZE = "96x28"
#: Width of the animation in pixels; the pictures are larger.
WIDTH = 1184
#: Milliseconds between two frames.
INTERVAL = 500
#: Keys that lead to a view, and how many frames it is shown for.
SCENES = [("", 8), ("2", 4), ("3", 6), ("4w", 2), ("4w→", 2), ("4w→→", 2), ("5", 3), ("7", 3)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=ROOT / "target" / "release" / "nntop")
    parser.add_argument("--output", default=ROOT / "assets" / "demo.gif")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        environment = os.environ | {"XDG_STATE_HOME": directory}
        environment.pop("NO_COLOR", None)

        def nntop(*arguments):
            command = [options.binary, *map(str, arguments)]
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)

        nntop("train", "--detach", "--name", "demo", *RECIPE)
        nntop("pause", "demo")
        try:
            frames = []
            for keys, count in SCENES:
                for _ in range(count):
                    file = pathlib.Path(directory) / f"{len(frames):03}.png"
                    arguments = ["--size", SIZE, "--color", "truecolor", "--lang", "en"]
                    nntop("picture", "demo", file, *arguments, "--keys", keys)
                    picture = Image.open(file).convert("RGB")
                    height = round(WIDTH * picture.height / picture.width)
                    frames.append(picture.resize((WIDTH, height), Image.LANCZOS))
                    nntop("step", "demo", "--epochs", "1")
        finally:
            nntop("stop", "demo")
            nntop("rm", "demo", "--yes")
    palette = [frame.quantize(64, dither=Image.Dither.NONE) for frame in frames]
    first, *others = palette
    first.save(
        options.output, save_all=True, append_images=others, duration=INTERVAL, loop=0, optimize=True
    )
    print(f"{options.output}: {len(frames)} frames, {options.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
