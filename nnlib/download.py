"""The official 60,000 + 10,000 images, downloaded on demand: load_mnist(full=True), load_fashion_mnist(full=True)."""

import gzip
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
MIRRORS = {
    "mnist": (
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    "fashion-mnist": (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
}
SHA256 = {
    "mnist": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "fashion-mnist": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}
TIMEOUT = 30  # seconds without a byte, then the next mirror


def official(name):
    """Arrays of the official files: images, labels, test images, test labels; OSError if they cannot be had."""
    return [_idx(path) for path in _fetch(name)]


def _idx(path):
    """The array in an idx file: four bytes of header, a length per axis, then the bytes."""
    raw = gzip.decompress(Path(path).read_bytes())
    shape = np.frombuffer(raw, ">u4", count=raw[3], offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def _fetch(name):
    """Paths of the four official files, from the cache or from the first mirror that delivers the right bytes.

    pooch compares the sha256 of what is in the cache; if need be it downloads to a temporary name, compares again and
    only then moves the file into place. The cache is $NNLIB_CACHE, or the place where the system keeps such files.
    """
    try:
        import pooch
        import requests  # comes with pooch
    except ImportError as error:
        raise ImportError("full=True downloads with pooch: pip install pooch tqdm") from error
    cache = Path(os.environ.get("NNLIB_CACHE") or pooch.os_cache("nnlib-course")) / name
    download = pooch.HTTPDownloader(progressbar=find_spec("tqdm") is not None, timeout=TIMEOUT)
    paths = []
    for file, sha256 in zip(FILES, SHA256[name], strict=True):
        failures = []
        for mirror in MIRRORS[name]:
            try:
                paths.append(pooch.retrieve(mirror + file, f"sha256:{sha256}", file, cache, _readable, download))
                break
            except (requests.RequestException, ValueError) as error:  # ValueError: a wrong hash
                failures.append(f"  {mirror}: {error}")
            except OSError as error:
                raise OSError(f"{cache}: cannot keep files here: {error}. Set NNLIB_CACHE to another folder") from error
        else:
            reasons = "\n".join(failures)
            raise OSError(
                f"{name}: could not download {file}; tried\n{reasons}\n"
                "Try again later, or use the bundled images, which need no network: leave out full=True."
            )
    return paths


def _readable(path, action, _):
    """A new file in the cache is private to whoever fetched it; a class may share the cache."""
    if action != "fetch":
        Path(path).chmod(0o644)
    return path
