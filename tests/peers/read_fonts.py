#!/usr/bin/env python3
"""How well `nntop read` and `nntop predict` recognise printed digits and drawn strokes.

    cargo build --release
    apt-get install librsvg2-bin fonts-dejavu-core fonts-liberation fonts-freefont-ttf \\
        fonts-crosextra-carlito fonts-crosextra-caladea fonts-open-sans fonts-roboto-unhinted
    python3 tests/peers/read_fonts.py [--model assets/reader.safetensors]

For each font: the ten digits as ten pictures for `predict`, and twenty lines of five digits for
`read`. Drawn strokes are the same with polylines of a round pen, whose corners are moved at random.
Fonts that are not installed are skipped. There is no bound; MNIST has no printed digits.
"""

import argparse
import json
import pathlib
import random
import subprocess
import tempfile

FONTS = [
    "DejaVu Sans", "DejaVu Serif", "Liberation Sans", "Liberation Serif", "Liberation Mono",
    "FreeSans", "Carlito", "Caladea", "Open Sans", "Roboto",
]
LINES = 20

# Digits as strokes in a box of 20 by 30.
STROKES = {
    "0": [[(10, 1), (3, 6), (2, 16), (5, 27), (10, 29), (16, 26), (18, 16), (17, 6), (10, 1)]],
    "1": [[(6, 7), (11, 1), (11, 29)]],
    "2": [[(3, 7), (7, 2), (14, 2), (17, 8), (13, 16), (3, 28), (18, 28)]],
    "3": [[(3, 4), (10, 1), (16, 5), (14, 12), (8, 14), (16, 18), (17, 25), (10, 29), (3, 26)]],
    "4": [[(6, 2), (3, 16), (17, 16)], [(14, 8), (13, 29)]],
    "5": [[(16, 2), (6, 2), (4, 13), (12, 12), (17, 18), (16, 26), (10, 29), (3, 26)]],
    "6": [[(14, 1), (6, 9), (3, 20), (6, 28), (13, 28), (17, 22), (13, 16), (5, 18)]],
    "7": [[(2, 3), (17, 3), (8, 29)]],
    "8": [[(15, 5), (10, 1), (5, 5), (7, 11), (14, 17), (16, 24), (10, 29), (4, 24), (7, 16),
           (14, 10), (15, 5)]],
    "9": [[(15, 8), (10, 2), (4, 6), (5, 13), (11, 14), (15, 8), (14, 18), (12, 29)]],
}


def run(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def picture(svg, file):
    subprocess.run(["rsvg-convert", "-o", file], input=svg, text=True, check=True)


def page(width, body):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="90">'
            f'<rect width="{width}" height="90" fill="#f4f1ea"/>{body}</svg>')


def printed(font):
    def draw(text):
        return page(40 + 34 * len(text), f'<text x="20" y="66" font-family="{font}" '
                    f'font-size="54" fill="#203040">{text}</text>')
    return draw


def drawn(text):
    body = []
    for place, digit in enumerate(text):
        scale, lean = random.uniform(1.5, 1.9), random.uniform(-4, 4)
        for stroke in STROKES[digit]:
            points = " ".join(
                f"{20 + 42 * place + scale * (x + random.gauss(0, 0.7)) + lean * (1 - y / 30):.1f},"
                f"{16 + scale * (y + random.gauss(0, 0.7)):.1f}" for x, y in stroke)
            body.append(f'<polyline points="{points}" fill="none" stroke="#203040" '
                        'stroke-width="5" stroke-linecap="round" stroke-linejoin="round"/>')
    return page(40 + 42 * len(text), "".join(body))


def measure(nntop, model, draw, directory):
    digits = []
    for digit in "0123456789":
        digits.append(str(directory / f"{digit}.png"))
        picture(draw(digit), digits[-1])
    said = [line["prediction"] for line in run([nntop, "predict", model, "--json", *digits])]
    right = [digit == answer for digit, answer in enumerate(said)]
    wrong = " ".join(f"{digit}→{answer}" for digit, answer in enumerate(said) if digit != answer)
    whole = cut = 0
    for _ in range(LINES):
        text = "".join(random.choice("0123456789") for _ in range(5))
        file = str(directory / "line.png")
        picture(draw(text), file)
        (reading,) = run([nntop, "read", model, "--json", file])
        whole += reading["lines"] == [text]
        cut += [len(line) for line in reading["lines"]] == [5]
    return sum(right), whole, cut, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nntop", default="target/release/nntop")
    parser.add_argument("--model", default="assets/reader.safetensors")
    options = parser.parse_args()
    random.seed(1)
    listed = subprocess.run(["fc-list", ":", "family"], capture_output=True, text=True, check=True)
    installed = {name for line in listed.stdout.splitlines() for name in line.split(",")}
    print(f"{'':18} digits of 10  lines of {LINES}  cut into five  wrong")
    ways = [(font, printed(font)) for font in FONTS if font in installed] + [("strokes", drawn)]
    with tempfile.TemporaryDirectory() as directory:
        for name, draw in ways:
            right, whole, cut, wrong = measure(
                options.nntop, options.model, draw, pathlib.Path(directory))
            print(f"{name:18} {right:12}  {whole:11}  {cut:13}  {wrong}", flush=True)


if __name__ == "__main__":
    main()
