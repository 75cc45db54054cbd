"""The MNIST files of `data/`, unpacked. Needs the packages numpy and brotli."""

import pathlib
import sys

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
sys.path.insert(0, str(DATA))


def unpack(name):
    """The bytes of one IDX file, such as t10k-images-idx3-ubyte; 60,000 images take some 15 s."""
    import mnist

    return mnist.read(name)


def write_idx(directory):
    """Writes the four IDX files, for programs that read files."""
    import mnist

    mnist.unpack(pathlib.Path(directory))
