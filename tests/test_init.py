"""The initialisers: shape, dtype, and the spread that each promises."""

import numpy as np
import pytest

from nnlib import glorot, he, lecun, normal, uniform, zeros

SHAPES = [(784, 128), (128, 784), (400, 400), (2000, 10)]
# name: (function, variance for (fan_in, fan_out), family)
RANDOM = {
    "normal": (normal, lambda i, o: 1, "normal"),
    "normal, std 0.01": (lambda shape, rng: normal(shape, rng, std=0.01), lambda i, o: 1e-4, "normal"),
    "uniform": (uniform, lambda i, o: 0.25 / 3, "uniform"),
    "uniform, bound 2": (lambda shape, rng: uniform(shape, rng, bound=2), lambda i, o: 4 / 3, "uniform"),
    "lecun": (lecun, lambda i, o: 1 / i, "normal"),
    "glorot": (glorot, lambda i, o: 2 / (i + o), "uniform"),
    "he": (he, lambda i, o: 2 / i, "normal"),
}
every = pytest.mark.parametrize(("init", "variance", "family"), RANDOM.values(), ids=RANDOM)


@every
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_mean_and_variance(init, variance, family, shape):
    w = init(shape, np.random.default_rng(0))
    assert w.shape == shape
    assert w.dtype == np.float32
    expected, n = variance(*shape), w.size
    w = w.astype(np.float64)
    assert abs(w.mean()) < 5 * np.sqrt(expected / n)
    # the variance of a sample variance is (kurtosis - 1) / n · σ⁴: kurtosis 3 if normal, 1.8 if uniform
    kurtosis = {"normal": 3, "uniform": 1.8}[family]
    assert abs(w.var() - expected) < 5 * expected * np.sqrt((kurtosis - 1) / n)


@every
def test_family(init, variance, family):
    w = init((300, 500), np.random.default_rng(1)).astype(np.float64) / np.sqrt(variance(300, 500))
    beyond = {"normal": 0.3173, "uniform": 1 - 1 / np.sqrt(3)}[family]  # share of weights further out than σ
    assert abs(np.mean(np.abs(w) > 1) - beyond) < 0.006
    if family == "uniform":
        assert np.sqrt(3) * 0.999 < np.abs(w).max() < np.sqrt(3) * (1 + 1e-6)
    else:
        assert np.abs(w).max() > 3.5


@every
def test_same_seed_same_weights(init, variance, family):
    shape = (20, 30)
    np.testing.assert_array_equal(init(shape, np.random.default_rng(7)), init(shape, np.random.default_rng(7)))
    assert (init(shape, np.random.default_rng(7)) != init(shape, np.random.default_rng(8))).any()
    rng = np.random.default_rng(7)
    assert (init(shape, rng) != init(shape, rng)).any()  # the generator moves on


@every
def test_rng_is_required(init, variance, family):
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'rng'"):
        init((2, 3))


@every
@pytest.mark.parametrize("rng", [None, 0, np.random, np.random.RandomState(0)], ids=["None", "int", "module", "old"])
def test_rng_must_be_a_generator(init, variance, family, rng):
    with pytest.raises(TypeError, match=r"^rng: expected a generator such as np.random.default_rng\(0\), got "):
        init((2, 3), rng)


def test_zeros():
    w = zeros((3, 4), np.random.default_rng(0))
    assert w.dtype == np.float32
    np.testing.assert_array_equal(w, np.zeros((3, 4)))
    np.testing.assert_array_equal(zeros(5), np.zeros(5))  # a bias needs no randomness


def test_numpy_scalars_do_not_promote():
    rng = np.random.default_rng(0)
    assert normal((3, 4), rng, std=np.sqrt(2 / 3)).dtype == np.float32
    assert uniform((3, 4), rng, bound=np.float64(0.1)).dtype == np.float32
    assert he((np.int64(3), 4), rng).dtype == np.float32
