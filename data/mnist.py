"""Unpacks the MNIST files of this folder, or packs its images; data/README.md describes the format.

    python3 data/mnist.py unpack FOLDER    # writes the four original files to FOLDER
    python3 data/mnist.py pack FOLDER      # packs the images of the original files in FOLDER

Needs numpy and brotli; takes about half a minute.
"""

import sys
from pathlib import Path

import brotli
import numpy as np

HERE = Path(__file__).resolve().parent
SIDE = 28
IMAGES_PER_STREAM = 10_000
# The frequencies of a context add up to 1 << BITS.
BITS = 10
# Classes of values: 8 for the pixel left and the one above, 3 for the one above right.
CLASSES_OF_8 = np.digitize(np.arange(256), [1, 32, 96, 160, 224, 252, 254])
CLASSES_OF_3 = np.digitize(np.arange(256), [1, 252])
FIRST_RUN = 8 * 8 * 3
CONTEXTS = FIRST_RUN + SIDE * SIDE // 4
# What each value of a neighbour adds to the context of a pixel.
LEFT, ABOVE = (CLASSES_OF_8 * 24).tolist(), (CLASSES_OF_8 * 3).tolist()
ABOVE_RIGHT = CLASSES_OF_3.tolist()


def visit(count, symbol):
    """Visits the symbols of `count` images in order; returns the pixels (count, 28, 28).

    `symbol(context, at, limit)` returns the next symbol: the value of pixel `at` (an index into all pixels), or,
    if `limit` is not 0, how many of the `limit` pixels from `at` on are zero before the first that is not.
    """
    pixels = np.zeros((count, SIDE, SIDE), np.uint8)
    for index in range(count):
        above = [0] * (SIDE + 2)
        for y in range(SIDE):
            start = (index * SIDE + y) * SIDE
            near_ink = [above[x] or above[x + 1] or above[x + 2] for x in range(SIDE)]
            row = [0] * SIDE
            x = left = 0
            while x < SIDE:
                if not left and not near_ink[x]:
                    limit = next((i for i in range(x, SIDE) if near_ink[i]), SIDE) - x
                    context = FIRST_RUN + (limit - 1) * (SIDE // 4) + y // 4
                    run = symbol(context, start + x, limit)
                    x += run
                    if run == limit:
                        continue
                context = LEFT[left] + ABOVE[above[x + 1]] + ABOVE_RIGHT[above[x + 2]]
                row[x] = left = symbol(context, start + x, 0)
                x += 1
            if any(row):
                pixels[index, y] = row
            above = [0, *row, 0]
    return pixels


def symbols_of(images):
    """The contexts and symbols of images (n, 28, 28), in the order in which they are decoded."""
    contexts, symbols = [], []
    flat = images.tobytes()

    def symbol(context, at, limit):
        value = next((i for i in range(limit) if flat[at + i]), limit) if limit else flat[at]
        contexts.append(context)
        symbols.append(value)
        return value

    visit(len(images), symbol)
    return np.array(contexts), np.array(symbols)


def frequencies_of(streams):
    """How often each symbol occurs in each context, scaled to a sum of 1 << BITS: (CONTEXTS, 256)."""
    counts = np.zeros(CONTEXTS * 256, int)
    for contexts, symbols in streams:
        counts += np.bincount(contexts * 256 + symbols, minlength=len(counts))
    counts = counts.reshape(CONTEXTS, 256)
    return np.array([scaled(row) if row.any() else row for row in counts])


def scaled(counts):
    """Integers that add up to 1 << BITS, nearly in proportion to the counts; none becomes zero."""
    exact = counts * (1 << BITS) / counts.sum()
    result = np.where(counts > 0, np.maximum(np.rint(exact), 1), 0).astype(int)
    while surplus := result.sum() - (1 << BITS):
        # Change the symbol for which one less (or one more) costs the fewest bits.
        step = 1 if surplus > 0 else -1
        allowed = result > max(step, 0)
        bits = np.full(len(counts), np.inf)
        bits[allowed] = counts[allowed] * np.log2(result[allowed] / (result[allowed] - step))
        result[bits.argmin()] -= step
    return result


def encode(contexts, symbols, frequencies):
    """The symbols as an rANS stream of 16-bit words; the last symbol is encoded first."""
    starts = np.cumsum(frequencies, axis=1) - frequencies
    widths, starts = frequencies[contexts, symbols].tolist(), starts[contexts, symbols].tolist()
    state, words = 1 << 16, []
    for width, start in zip(reversed(widths), reversed(starts)):
        # A state below this bound stays below 1 << 32 once the symbol is added.
        if state >= width << (32 - BITS):
            words.append(state & 0xFFFF)
            state >>= 16
        state = (state // width << BITS) + state % width + start
    words += [state & 0xFFFF, state >> 16]
    return np.array(words[::-1], "<u2").tobytes()


def decode(stream, frequencies):
    """The pixels (10,000, 28, 28) of an rANS stream."""
    words = iter(np.frombuffer(stream, "<u2").tolist())
    state = next(words) << 16 | next(words)
    starts = (np.cumsum(frequencies, axis=1) - frequencies).tolist()
    widths = frequencies.tolist()
    slots = [np.repeat(np.arange(256, dtype=np.uint8), row).tobytes() for row in frequencies]

    def symbol(context, _at, _limit):
        nonlocal state
        slot = state & ((1 << BITS) - 1)
        value = slots[context][slot]
        state = widths[context][value] * (state >> BITS) + slot - starts[context][value]
        if state < 1 << 16:
            state = state << 16 | next(words)
        return value

    return visit(IMAGES_PER_STREAM, symbol)


def read(name):
    """The bytes of one original file, such as t10k-images-idx3-ubyte."""
    if "labels" in name:
        return brotli.decompress((HERE / f"{name}.br").read_bytes())
    packed = brotli.decompress((HERE / "frequencies.br").read_bytes())
    frequencies = np.frombuffer(packed, "<u2").reshape(CONTEXTS, 256).astype(int)
    streams = sorted(HERE.glob(f"{name.removesuffix('-idx3-ubyte')}.?.rans"))
    pixels = b"".join(decode(stream.read_bytes(), frequencies).tobytes() for stream in streams)
    sizes = [0x803, len(streams) * IMAGES_PER_STREAM, SIDE, SIDE]
    return np.array(sizes, ">u4").tobytes() + pixels


def unpack(folder):
    for kind in ("images-idx3", "labels-idx1"):
        for part in ("train", "t10k"):
            (folder / f"{part}-{kind}-ubyte").write_bytes(read(f"{part}-{kind}-ubyte"))


def pack(folder):
    streams = {}
    for name in ("train-images", "t10k-images"):
        pixels = np.fromfile(folder / f"{name}-idx3-ubyte", np.uint8)[16:].reshape(-1, SIDE, SIDE)
        for index in range(len(pixels) // IMAGES_PER_STREAM):
            part = pixels[index * IMAGES_PER_STREAM :][:IMAGES_PER_STREAM]
            streams[f"{name}.{index}.rans"] = symbols_of(part)
    frequencies = frequencies_of(streams.values())
    packed = brotli.compress(frequencies.astype("<u2").tobytes(), quality=11)
    (HERE / "frequencies.br").write_bytes(packed)
    for name, (contexts, symbols) in streams.items():
        (HERE / name).write_bytes(encode(contexts, symbols, frequencies))


if __name__ == "__main__":
    {"pack": pack, "unpack": unpack}[sys.argv[1]](Path(sys.argv[2]))
