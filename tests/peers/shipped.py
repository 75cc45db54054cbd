"""The MNIST files of `data/`, unpacked. Needs the package brotli."""

import pathlib

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
NAMES = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
]


def unpack(name):
    """The bytes of one IDX file; its brotli streams one after the other."""
    import brotli

    streams = sorted(DATA.glob(f"{name}*.br"))
    if not streams:
        raise FileNotFoundError(f"{DATA}/{name}*.br")
    return b"".join(brotli.decompress(stream.read_bytes()) for stream in streams)


def write_idx(directory):
    """Writes the four IDX files, for programs that read files."""
    for name in NAMES:
        (pathlib.Path(directory) / name).write_bytes(unpack(name))
