#!/usr/bin/env python3
"""Images that teach a network to distinguish digits from pieces of digits.

    python3 tests/peers/pieces.py DIRECTORY [COUNT]

Three of the first 50,000 training images at a time are composed into a line, close together or
touching, with the noise of paper, and cut: between the digits with small errors, which gives three
digits with splinters of their neighbours; and elsewhere, which gives two digits in one, halves, and
digits with a part of the next. The former keep their labels, the latter are of the class `none`. All
are scaled and centred like those of MNIST. The directory can be read by `nntop train --data`; its
test images are those of MNIST. Needs NumPy and brotli. The result is the same every time.
"""

import pathlib
import struct
import sys

import numpy as np

from shipped import unpack

TRAINING = 50_000
NONE = 10
FAINT = 38  # of 255: fainter ink counts as paper
HEIGHT = 36

random = np.random.default_rng(5)


def images(name):
    content = unpack(name)
    count, height, width = struct.unpack(">III", content[4:16])
    return np.frombuffer(content, np.uint8, offset=16).reshape(count, height, width)


def labels(name):
    return np.frombuffer(unpack(name), np.uint8, offset=8)


def crop(image):
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    return image[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]


MATRICES = {}


def resampling(size, to):
    """The matrix that scales `size` pixels to `to` with a triangle filter."""
    if (size, to) not in MATRICES:
        scale = size / to
        places = np.arange(size) + 0.5
        middles = (np.arange(to) + 0.5)[:, None] * scale
        matrix = np.maximum(0, 1 - np.abs((places[None] - middles) / max(1.0, scale)))
        MATRICES[size, to] = matrix / matrix.sum(1, keepdims=True)
    return MATRICES[size, to]


def normalized(image):
    """The image with its larger side scaled to 20 pixels, and its centre of mass centred in 28×28."""
    image = crop(image)
    scale = 20 / max(image.shape)
    height, width = (max(1, int(side * scale + 0.5)) for side in image.shape)
    digit = resampling(image.shape[0], height) @ image @ resampling(image.shape[1], width).T
    mass = digit.sum()
    middle_x = ((np.arange(width) + 0.5) * digit.sum(0)).sum() / mass
    middle_y = ((np.arange(height) + 0.5) * digit.sum(1)).sum() / mass
    left, top = 40 + round(14 - middle_x), 40 + round(14 - middle_y)
    large = np.zeros((108, 108))
    large[top:top + height, left:left + width] = digit
    return np.minimum(255, large[40:68, 40:68] * 255 / digit.max()).astype(np.uint8)


def line(digits, gaps):
    """The digits side by side, and the columns of each."""
    width = sum(digit.shape[1] for digit in digits) + sum(gaps)
    ink, spans, left = np.zeros((HEIGHT, width)), [], 0
    for digit, gap in zip(digits, [*gaps, 0]):
        height, wide = digit.shape
        top = (HEIGHT - height) // 2 + random.integers(-3, 4)
        place = ink[top:top + height, left:left + wide]
        np.maximum(place, digit, out=place)
        spans.append((left, left + wide))
        left += wide + gap
    noise = random.normal(0, random.uniform(0, 15), ink.shape) * (ink > 0)
    ink = np.clip(ink + noise, 0, 255)
    return np.where(ink < FAINT, 0, ink), spans


def slanted(column):
    """A slanted cut near a column: its column in each row."""
    rows = np.arange(HEIGHT) - HEIGHT / 2
    return np.round(column + random.normal(0, 0.6) + random.normal(0, 2.0) * rows / HEIGHT)


def between(ink, left, right):
    columns = np.arange(ink.shape[1])[None]
    return np.where((columns >= left[:, None]) & (columns < right[:, None]), ink, 0)


def cuts(spans, width):
    """The cuts between the digits, and the two ends."""
    inner = [(a[1] + b[0]) / 2 for a, b in zip(spans, spans[1:])]
    return [np.zeros(HEIGHT), *(slanted(column) for column in inner), np.full(HEIGHT, width)]


def no_digit(ink, spans, ends):
    """Two digits, half a digit, or a digit and a part of its neighbour; None if it is too narrow."""
    kind = random.integers(0, 4)
    if kind == 0:
        first = random.integers(0, 2)
        return between(ink, ends[first], ends[first + 2])
    # The digit that is cut apart.
    at = {1: random.integers(0, 3), 2: random.integers(1, 3), 3: random.integers(0, 2)}[kind]
    left, right = spans[at]
    if right - left < 8:
        return None
    middle = slanted(left + (right - left) * random.uniform(0.3, 0.7))
    if kind == 1:
        half = (ends[at], middle) if random.random() < 0.5 else (middle, ends[at + 1])
        return between(ink, *half)
    return between(ink, ends[at - 1], middle) if kind == 2 else between(ink, middle, ends[at + 2])


def write(file, magic, array):
    header = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
    file.write_bytes(header + array.tobytes())


def main():
    directory, count = pathlib.Path(sys.argv[1]), int((sys.argv[2:] or [130_000])[0])
    directory.mkdir(parents=True, exist_ok=True)
    digits = [crop(image) for image in images("train-images-idx3-ubyte")[:TRAINING]]
    names = labels("train-labels-idx1-ubyte")
    pictures, classes = [], []
    while len(pictures) < count:
        chosen = random.integers(0, TRAINING, 3)
        gaps = [int(gap) for gap in random.integers(-2, 5, 2)]
        ink, spans = line([digits[index] for index in chosen], gaps)
        ends = cuts(spans, ink.shape[1])
        pieces = [(between(ink, *ends[at:at + 2]), names[chosen[at]]) for at in range(3)]
        pieces.append((no_digit(ink, spans, ends), NONE))
        for piece, name in pieces:
            if piece is not None and piece.any():
                pictures.append(normalized(piece))
                classes.append(name)
    write(directory / "train-images-idx3-ubyte", 0x803, np.stack(pictures[:count]))
    write(directory / "train-labels-idx1-ubyte", 0x801, np.array(classes[:count], np.uint8))
    write(directory / "t10k-images-idx3-ubyte", 0x803, images("t10k-images-idx3-ubyte"))
    write(directory / "t10k-labels-idx1-ubyte", 0x801, labels("t10k-labels-idx1-ubyte"))
    names = [str(digit) for digit in range(10)] + ["none"]
    (directory / "classes.txt").write_text("\n".join(names) + "\n")
    print(np.bincount(classes[:count]))


if __name__ == "__main__":
    main()
