"""`full=True` over a bad network: a server in this file sends small files of our own, whole or spoilt in some way.

Whatever happens, no damaged file keeps its final name in the cache, the message says what went wrong, and the next
try succeeds.
"""

import gzip
import hashlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import nnlib
from nnlib import data, download, load_fashion_mnist, load_mnist

ROOT = Path(nnlib.__file__).resolve().parent.parent
HINT = "Try again later, or use the bundled images, which need no network: leave out full=True."


def idx(array):
    """An idx file as MNIST has it: two zero bytes, type 8 (uint8), number of axes, their lengths, the bytes."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.tobytes(), mtime=0)


def small_files():
    """24 images to train and 5 to test; random bytes, so that gzip leaves them long enough to be cut in the middle."""
    rng = np.random.default_rng(0)
    arrays = (
        rng.integers(0, 256, (24, 28, 28), dtype=np.uint8),
        np.arange(24, dtype=np.uint8) % 10,
        rng.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        np.arange(5, dtype=np.uint8),
    )
    return arrays, dict(zip(download.FILES, map(idx, arrays), strict=True))


ARRAYS, FILES = small_files()
IMAGES = download.FILES[0]
SHA256 = tuple(hashlib.sha256(content).hexdigest() for content in FILES.values())


class Server(ThreadingHTTPServer):
    """Sends FILES; `spoil` maps a file to a function (handler, content) that sends something else instead."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.spoil, self.asked, self.half_sent, self.go_on = {}, [], threading.Event(), threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.lstrip("/")
        self.server.asked.append(name)
        self.server.spoil.get(name, send)(self, FILES[name])

    def log_message(self, *args):
        """Quiet: the test says what failed."""


def send(handler, content, length=None):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def truncated(handler, content):
    """Promises all, sends half, ends the connection in good order."""
    send(handler, content[: len(content) // 2], len(content))


def dying(handler, content):
    """Sends half, then the connection is reset, as when the server is switched off."""
    truncated(handler, content)
    handler.wfile.flush()
    handler.connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    )
    handler.connection.close()


def short(handler, content):
    """Half the file, and calls that all: only the hash can tell."""
    send(handler, content[: len(content) // 2])


def wrong(handler, content):
    send(handler, content[:-1] + bytes([content[-1] ^ 1]))


def missing(handler, content):
    handler.send_error(404)


def unable(handler, content):
    handler.send_error(503)


def hanging(handler, content):
    """Sends half and then nothing, until told to go on."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.wfile.flush()
    handler.server.half_sent.set()
    handler.server.go_on.wait(30)
    handler.close_connection = True


@pytest.fixture
def server():
    with Server() as server:
        yield server
        server.go_on.set()
        server.shutdown()


@pytest.fixture
def refused():
    """The address of a port where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.fixture
def cache(tmp_path, monkeypatch, server):
    """The folder of the cached files; one mirror, `server`, with our files."""
    monkeypatch.setenv("NNLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "MIRRORS", {"mnist": (server.url,), "fashion-mnist": (server.url,)})
    monkeypatch.setattr(download, "SHA256", {"mnist": SHA256, "fashion-mnist": SHA256})
    return tmp_path / "cache" / "mnist"


def assert_whole(cache, count=4):
    """Each file under a final name is right, and there is nothing else, no temporary file either."""
    names = download.FILES[:count]
    assert sorted(path.name for path in cache.glob("*")) == sorted(names)
    for name in names:
        assert (cache / name).read_bytes() == FILES[name], name


def assert_loads(cache):
    """The try that follows: it gives the data and leaves a whole cache."""
    full = load_mnist(full=True)
    assert [len(part.y) for part in (full.train, full.dev, full.test)] == [22, 2, 5]
    assert_whole(cache)
    return full


# ---------------------------------------------------------------- a good network


def test_good_download_gives_the_data_and_the_second_time_asks_nobody(cache, server):
    full = assert_loads(cache)
    assert full.test.X.dtype == np.float32
    np.testing.assert_array_equal(np.rint(full.test.X * 255), ARRAYS[2].reshape(5, 784))
    np.testing.assert_array_equal(full.test.y, ARRAYS[3])
    expected = {(row.tobytes(), label) for row, label in zip(ARRAYS[0], ARRAYS[1].tolist(), strict=True)}
    got = {
        (np.rint(row * 255).astype(np.uint8).tobytes(), label)
        for part in (full.train, full.dev)
        for row, label in zip(part.X, part.y.tolist(), strict=True)
    }
    assert got == expected
    assert server.asked == list(download.FILES)
    again = load_mnist(full=True)
    np.testing.assert_array_equal(again.train.X, full.train.X)
    assert len(server.asked) == 4


def test_fashion_mnist_has_a_folder_of_its_own(cache, server):
    full = load_fashion_mnist(full=True)
    assert full.classes == data.GARMENTS
    assert_whole(cache.parent / "fashion-mnist")
    assert not cache.exists()


def test_cache_can_be_read_by_the_whole_class(cache):
    load_mnist(full=True)
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in cache.iterdir())


def test_home_folder_in_the_name_of_the_cache(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("NNLIB_CACHE", "~/cache")
    assert_loads(cache)


def test_official_mirrors_and_hashes_are_complete():
    for name in ("mnist", "fashion-mnist"):
        assert len(download.MIRRORS[name]) >= 2
        assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in download.MIRRORS[name])
        assert [len(bytes.fromhex(sha256)) for sha256 in download.SHA256[name]] == [32] * 4
    assert len({*download.SHA256["mnist"], *download.SHA256["fashion-mnist"]}) == 8
    assert 5 <= download.TIMEOUT <= 60


# ---------------------------------------------------------------- a bad server


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (truncated, "IncompleteRead"),
        (dying, "IncompleteRead|reset|aborted"),
        (short, "does not match the known hash"),
        (wrong, "does not match the known hash"),
        (missing, "404"),
        (unable, "503"),
    ],
)
@pytest.mark.parametrize("number", [0, 3])  # the first file, or the last: what came before stays
def test_spoilt_file_is_refused_and_the_next_try_succeeds(cache, server, spoilt, reason, number):
    name = download.FILES[number]
    server.spoil[name] = spoilt
    with pytest.raises(
        OSError, match=f"(?s)^mnist: could not download {name}; tried\n  {server.url}: .*({reason})"
    ) as e:
        load_mnist(full=True)
    assert str(e.value).endswith(HINT)
    assert_whole(cache, count=number)
    server.spoil.clear()
    assert_loads(cache)


def test_hanging_server_times_out(cache, server, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    server.spoil[IMAGES] = hanging
    start = time.monotonic()
    with pytest.raises(OSError, match=f"(?s)could not download {IMAGES}; .*timed out"):
        load_mnist(full=True)
    assert time.monotonic() - start < 10  # pooch's own limit is 30 s
    assert_whole(cache, count=0)
    server.spoil.clear()
    assert_loads(cache)


@pytest.mark.parametrize("spoilt", [truncated, dying, short, missing])
def test_second_mirror_stands_in_for_a_spoilt_first(cache, server, monkeypatch, spoilt):
    with Server() as other:
        monkeypatch.setattr(download, "MIRRORS", {"mnist": (other.url, server.url)})
        other.spoil[IMAGES] = spoilt
        assert_loads(cache)
        other.shutdown()
    assert server.asked == [IMAGES]
    assert other.asked == list(download.FILES)


def test_second_mirror_stands_in_for_one_that_is_down(cache, server, refused, monkeypatch):
    monkeypatch.setattr(download, "MIRRORS", {"mnist": (refused, server.url)})
    assert_loads(cache)
    assert server.asked == list(download.FILES)


def test_no_network_names_every_mirror_and_the_way_without(cache, refused, server, monkeypatch):
    mirrors = (refused, refused + "second/")
    monkeypatch.setattr(download, "MIRRORS", {"mnist": mirrors})
    with pytest.raises(OSError, match=f"^mnist: could not download {IMAGES}; tried\n") as e:
        load_mnist(full=True)
    lines = str(e.value).splitlines()
    assert len(lines) == 4
    for line, mirror in zip(lines[1:3], mirrors, strict=True):
        assert line.startswith(f"  {mirror}: ")
    assert lines[3] == HINT
    assert_whole(cache, count=0)
    monkeypatch.setattr(download, "MIRRORS", {"mnist": (server.url,)})
    assert_loads(cache)


# ---------------------------------------------------------------- a bad cache


@pytest.mark.parametrize("damaged", [b"", FILES[IMAGES][:100], FILES[IMAGES] + b"more"])
def test_damaged_file_in_the_cache_is_replaced(cache, server, damaged):
    load_mnist(full=True)
    (cache / IMAGES).write_bytes(damaged)
    assert_loads(cache)
    assert server.asked == [*download.FILES, IMAGES]


def test_damaged_file_in_the_cache_is_never_used_without_network(cache, refused, monkeypatch):
    load_mnist(full=True)
    (cache / IMAGES).write_bytes(FILES[IMAGES][:100])
    monkeypatch.setattr(download, "MIRRORS", {"mnist": (refused,)})
    with pytest.raises(OSError, match=f"could not download {IMAGES}"):
        load_mnist(full=True)


def test_whole_cache_needs_no_network(cache, refused, monkeypatch):
    load_mnist(full=True)
    monkeypatch.setattr(download, "MIRRORS", {"mnist": (refused,)})
    assert_loads(cache)


def test_cache_that_cannot_be_made_is_named(cache, server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("NNLIB_CACHE", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"file.mnist: cannot keep files here: .*\. Set NNLIB_CACHE to another folder$"):
        load_mnist(full=True)
    assert server.asked == []


def test_full_disk_is_not_blamed_on_the_mirror(cache, monkeypatch):
    import shutil

    def full(source, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "move", full)
        with pytest.raises(OSError, match=r"cannot keep files here: .*No space left on device"):
            load_mnist(full=True)
    assert_whole(cache, count=0)
    assert_loads(cache)


def test_without_pooch_the_message_says_what_to_install(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"^full=True downloads with pooch: pip install pooch tqdm$"):
        load_mnist(full=True)


def test_without_tqdm_it_downloads_without_a_bar(cache, monkeypatch):
    import pooch.downloaders

    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(pooch.downloaders, "tqdm", None)
    assert_loads(cache)


# ---------------------------------------------------------------- several processes

CLIENT = """
import sys
from nnlib import data, download
download.MIRRORS = {"mnist": (sys.argv[1],)}
download.SHA256 = {"mnist": sys.argv[2:]}
print(len(data.load_mnist(full=True).train.y))
"""


def client(server):
    """A process that downloads into the same cache."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CLIENT, server.url, *SHA256],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_client_leaves_nothing_under_a_final_name(cache, server):
    server.spoil[IMAGES] = hanging
    with client(server) as process:
        assert server.half_sent.wait(30), "the client never asked"
        deadline = time.monotonic() + 10
        while not any(path.stat().st_size for path in cache.glob("*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
    if os.name == "posix":
        assert process.returncode == -signal.SIGKILL
    left = list(cache.glob("*"))
    assert [path.name in download.FILES for path in left] == [False]  # half a file, under a temporary name
    assert 0 < left[0].stat().st_size < len(FILES[IMAGES])
    server.go_on.set()
    server.spoil.clear()
    load_mnist(full=True)
    left[0].unlink()
    assert_whole(cache)


def test_two_processes_at_once_both_get_whole_files(cache, server):
    """Both have asked for the first file before either gets it."""
    together = threading.Barrier(2, timeout=30)

    def both(handler, content):
        together.wait()
        send(handler, content)

    server.spoil[IMAGES] = both
    processes = [client(server), client(server)]
    for process in processes:
        out, error = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "22\n"), error
    assert server.asked.count(IMAGES) == 2
    assert_loads(cache)
