"""Every numbered equation of the lessons is executed as it is printed, and compared with nnlib and with mathematics.

An equation enters by its exact source text: what stands between the `$$` of a notebook, any run of white space being
one space. Below it stands its proof, a function that is handed the printed text and reads numbers off it:

    @formula(r"dZ = dA \\odot f'(Z) \\tag{4.7}")
    def through_an_activation(says):
        ...
        same(says("dZ", dA=dA, Z=Z, f_prime=sigmoid_derivative), layer.backward(dA))

`says("dZ", …)` is the value of the right side of "dZ = …", computed from the LaTeX itself, so there is no second copy
of the formula that could be right where the print is wrong. To add an equation, add one such function; where the reader
below does not know a symbol, `says.naming({r"\\frac{dL}{da}": "u"})` gives it a name. PyTorch, Keras, scikit-learn and
sympy read the same print, in functions marked `@by("torch", "4.7")`; one that is missing is named.
"""

import itertools
import json
import math
import re
import types
from collections import Counter
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pytest

import nnlib
from nnlib import (
    SGD,
    AdaGrad,
    Adam,
    Dropout,
    Linear,
    Params,
    ReLU,
    RMSProp,
    Sequential,
    Sigmoid,
    Tanh,
    binary_cross_entropy,
    check_gradients,
    classification_report,
    cross_entropy,
    init,
    log_softmax,
    mse,
    numeric_gradient,
    one_hot,
    sigmoid,
    softmax,
)

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


# what is printed, what is listed, and what is wrong if the two differ


def squeezed(text):
    return " ".join(text.split())


def number_of(text):
    """The 4.3 of \\tag{4.3}; None without it."""
    tag = re.search(r"\\tag\{([^}]*)\}", text)
    return tag and tag[1]


def printed(folder=NOTEBOOKS):
    """The text of every numbered equation of the notebooks in a folder; ValueError for a \\tag outside of $$ … $$."""
    equations = []
    for path in sorted(folder.glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                source = "".join(cell["source"])
                found = [squeezed(text) for text in re.findall(r"\$\$(.*?)\$\$", source, re.DOTALL) if r"\tag" in text]
                if len(found) != source.count(r"\tag"):
                    raise ValueError(f"{path.name}: a \\tag that is not alone between its $$: {source[:200]!r}")
                equations += found
    return equations


def complaints(printed, listed):
    """What is wrong with the list: equations new or altered in print, printed twice, or no longer printed."""
    wrong = [f"{text}: printed, but not listed here: new or altered" for text in printed if text not in listed]
    wrong += [f"{text}: listed, but no lesson prints it" for text in listed if text not in printed]
    counts = Counter(map(number_of, printed))
    return wrong + [f"({number}): printed {count} times" for number, count in counts.items() if count > 1]


# reading the print

TOKEN = re.compile(
    r"\\(?:text|mathrm)\{[^}]*\}'?|\\hat\s*[a-zA-Z]|\\\\|\\[a-zA-Z]+'?"  # names and commands
    r"|d[a-zA-Z]|TP|FP|FN|[a-zA-Z]'?|\d+(?:\.\d+)?|[^\s\\]"  # dW is one name, as the lessons write it
)
RELATIONS = ("=", r"\approx", r"\sim", r"\leftarrow", r"\le")
ENDS = {None, "+", "-", ")", "]", "}", ",", "|", "&", ">", "<", r"\le", r"\\", r"\endcases"}
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, np.ufunc)
MEANS = {"e": np.float64(math.e), "ln": np.log, "log": np.log, "exp": np.exp, "sqrt": np.sqrt}
MEANS |= {"max": np.maximum, "min": np.minimum, "number": lambda x: x}


class Unreadable(AssertionError):
    """A print that does not say what was asked of it, or cannot be computed."""


def tokens_of(text):
    text = re.sub(r"\\(?:left|right|big[lr]?)(?![a-z])|\\[,;!]", " ", text)  # sizes and spaces say nothing
    text = re.sub(r"\\(begin|end)\{cases\}", lambda m: r"\cases " if m[1] == "begin" else r"\endcases ", text)
    text = re.sub(r"\\mathcal\s*\{?([NU])\}?", r"\\mathrm{\1}", text).replace(r"\tfrac", r"\frac")
    return TOKEN.findall(re.sub(r"\\frac(\d)\s*(\w)", r"\\frac{\1}{\2}", text))


def split_sides(tokens):
    """The tokens of each side of a = b = …; what stands in braces or cases is left together."""
    sides, depth = [[]], 0
    for token in tokens:
        depth += (token in ("{", r"\cases")) - (token in ("}", r"\endcases"))
        if token in RELATIONS and depth == 0:
            sides.append([])
        else:
            sides[-1].append(token)
    return sides


class Reader:
    """Computes a tokenised expression. Side by side, two matrices are a matrix product and all else is multiplied.

    `env` gives the names their values; an index without printed limits is given as the range it runs over.
    """

    def __init__(self, tokens, env):
        self.tokens, self.env, self.at = [*tokens, None], MEANS | env, 0

    def peek(self):
        return self.tokens[self.at]

    def take(self, *wanted):
        """The next token, if it is (one of) the wanted; otherwise None, and it stays."""
        token = self.peek()
        if token is None or (wanted and token not in wanted):
            return None
        self.at += 1
        return token

    def need(self, token):
        if not self.take(token):
            raise Unreadable(f"expected {token}, got {self.peek()}")

    def inside(self, close):
        value = self.expression()
        self.need(close)
        return value

    def group(self):
        self.need("{")
        return self.inside("}")

    def expression(self):
        value = -self.term() if self.take("-") else self.term()
        while sign := self.take("+", "-"):
            value = value + self.term() if sign == "+" else value - self.term()
        if relation := self.take(">", "<", r"\le"):
            right = self.expression()
            value = value > right if relation == ">" else value < right if relation == "<" else value <= right
        return value

    def term(self):
        value = self.factor()
        while self.peek() not in ENDS:
            if self.take("/"):
                value = value / self.factor()
            elif self.take(r"\odot"):
                value = value * self.factor()
            else:
                self.take(r"\cdot")
                right = self.factor()
                value = value @ right if getattr(value, "ndim", 0) == getattr(right, "ndim", 0) == 2 else value * right
        return value

    def factor(self):
        value = self.atom()
        if self.take("^"):
            if self.take(r"\top"):
                return value.T
            return value ** (self.group() if self.peek() == "{" else self.atom())
        return value

    def atom(self):
        token = self.take()
        if token in ENDS - {"|"}:
            raise Unreadable(f"expected a value, got {token}")
        if token in "([{":
            return self.inside(")]}"["([{".index(token)])
        if token == "|":
            return abs(self.inside("|"))
        if token[0].isdigit():
            return self.env["number"](float(token) if "." in token else int(token))
        if token == r"\frac":
            above = self.group()
            return above / self.group()
        if token == r"\sqrt":
            return self.env["sqrt"](self.group())
        if token == r"\cases":
            return self.cases()
        if token == r"\sum" or (token == r"\max" and self.peek() == "_"):
            return self.over(sum if token == r"\sum" else max)
        name = re.sub(r"\W", "_", re.sub(r"\\(?:text|mathrm)|[\\{}\s]", "", token).replace("'", "_prime"))
        value = self.named(name)
        return self.call(value) if isinstance(value, FUNCTIONS) else value

    def named(self, name):
        """W, or W_1 if there is a value of that name, or the entry of W that the subscript points at."""
        if not self.take("_"):
            return self.env[name]
        start = self.at
        if not self.take("{"):
            self.take()
            whole = name + "_" + self.tokens[start]
            if whole in self.env:
                return self.env[whole]
            self.at = start
            return self.env[name][self.atom()]
        indices = []
        while not self.take("}"):
            if not self.take(","):
                indices.append(self.factor())
        return self.env[name][indices[0] if len(indices) == 1 else tuple(indices)]

    def call(self, function):
        power = (self.group() if self.peek() == "{" else self.atom()) if self.take("^") else 1
        if not self.take("("):
            return function(self.factor()) ** power  # ln p
        values = [self.expression()]
        while self.take(","):
            values.append(self.expression())
        self.need(")")
        value = function(*values)
        return value if power == 1 else value**power

    def over(self, gather):
        """A sum or maximum over indices; it holds the term after it. Limits count places: the first place is 0."""
        self.need("_")
        start = self.at
        if self.take("{"):
            while not self.take("}"):
                self.take()
        else:
            self.take()
        names = [token for token in self.tokens[start : self.at] if token not in "{,}"]
        if "=" in names:
            self.need("^")
            last = self.group() if self.peek() == "{" else self.atom()
            first = int(names[-1])
            low = 1 if first else 0  # both ways of counting are in use: n = 1 … N and k = 0 … 9
            names, ranges = names[:1], [range(first - low, int(last) - low + 1)]
        else:
            ranges = [self.env[name] for name in names]
        outer, start, values = self.env, self.at, []
        for places in itertools.product(*ranges):
            self.env, self.at = outer | dict(zip(names, places, strict=True)), start
            values.append(self.term())
        self.env = outer
        return gather(values)

    def cases(self):
        """The value of the one line whose condition holds."""
        held = []
        while True:
            value = self.expression()
            self.need("&")
            held += [value] if self.expression() else []
            if not self.take(r"\\"):
                self.need(r"\endcases")
                if len(held) != 1:
                    raise Unreadable(f"expected one of the cases to hold, got {len(held)}")
                return held[0]


class Print:
    """A printed equation that can be asked for numbers. It holds one or more statements, parted by \\qquad."""

    def __init__(self, text):
        text = re.sub(r"\\tag\{[^}]*\}", "", text)
        self.statements = [part.strip().removesuffix(",") for part in re.split(r"\\q?quad", text)]

    def naming(self, names):
        """The same print with short names: what the lesson reads as one name may look like a fraction or a phrase."""
        text = r" \quad ".join(self.statements)
        for long, short in names.items():
            if long not in text:
                raise Unreadable(f"expected {long} in {text}")
            text = text.replace(long, f" {short} ")
        return Print(text)

    def sides(self, place, **env):
        """The values of all sides of the statement at this place; `place` may be a list of tokenised sides."""
        sides = split_sides(tokens_of(self.statements[place])) if isinstance(place, int) else place
        values = []
        for side in sides:
            try:
                reader = Reader(side, env)
                values.append(reader.expression())
                if reader.peek() is not None:
                    raise ValueError(f"{reader.peek()} is left over")
            except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
                raise Unreadable(f"{''.join(side)}: {type(error).__name__}: {error}") from error
        return values

    def __call__(self, left, **env):
        """The value of what stands right of `left`; if several sides do, they must agree."""
        for statement in self.statements:
            first, *rest = split_sides(tokens_of(statement))
            if rest and first == tokens_of(left):
                value, *others = self.sides(rest, **env)
                for other in others:
                    same(other, value)
                return value
        raise Unreadable(f"expected a statement that begins with {left}, got {self.statements}")


# the list

PROOFS, BY = {}, {}


def formula(text):
    """List an equation; the function below it is its proof."""

    def add(proof):
        assert number_of(text), f"{text}: no number"
        assert number_of(text) not in map(number_of, PROOFS), f"{text}: its number is listed twice"
        PROOFS[squeezed(text)] = proof
        return proof

    return add


def by(module, *numbers):
    """A proof that needs a package beyond the course's: proof(package, the print of each number)."""

    def add(proof):
        BY[f"{' '.join(numbers)}, {proof.__name__}, {module}"] = module, numbers, proof
        return proof

    return add


def listed(number):
    """The print of an equation by its number."""
    return Print(next(text for text in PROOFS if number_of(text) == number))


# tools of the proofs


def same(value, expected, rtol=1e-11):
    """Equal to eleven digits, and of one shape; near zero, to eleven digits of the largest entry."""
    assert np.shape(value) == np.shape(expected)
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol * np.max(np.abs(expected)))


def draw(*shape, seed=0, scale=1.0):
    return scale * np.random.default_rng([seed, *shape]).standard_normal(shape)


def is_slope(gradient, f, x, rtol=1e-7):
    """The gradient of f at x, along three random directions: never along ones, which hide a wrong softmax."""
    assert np.shape(gradient) == np.shape(x)
    for V in np.random.default_rng(5).standard_normal((3, *np.shape(x))):
        same(np.sum(gradient * V), (f(x + 1e-5 * V) - f(x - 1e-5 * V)) / 2e-5, rtol)


def quarters(error):
    """An error of order ε²: half the nudge, a quarter of the error."""
    assert 3.9 < error(0.01) / error(0.005) < 4.1


class Uniform(NamedTuple):
    low: float
    high: float

    mean = property(lambda self: (self.low + self.high) / 2)
    variance = property(lambda self: (self.high - self.low) ** 2 / 12)
    stdev = property(lambda self: math.sqrt(self.variance))

    def inv_cdf(self, share):
        return self.low + share * (self.high - self.low)


def normal_law(mean, variance):
    return NormalDist(mean, math.sqrt(variance))


LAWS = {"N": normal_law, "U": lambda low, high: Uniform(low, high)}


def drawn_from(sample, law):
    """Mean, variance, and the share below 19 heights: none may be five standard errors from the law's."""
    sample = np.asarray(sample, np.float64).ravel()
    n = len(sample)
    assert abs(sample.mean() - law.mean) < 5 * law.stdev / math.sqrt(n)
    assert abs(sample.var() / law.variance - 1) < 5 * math.sqrt(2 / n)
    for share in np.arange(1, 20) / 20:
        assert abs(np.mean(sample < law.inv_cdf(share)) - share) < 5 * math.sqrt(share * (1 - share) / n)
    if isinstance(law, Uniform):
        for bound, farthest in ((law.low, sample.min()), (law.high, sample.max())):
            assert abs(farthest) <= abs(bound) * (1 + 1e-6)
            assert abs(farthest) > 0.999 * abs(bound)


@cache
def sample_of(name, shape=(400, 250), **options):
    return getattr(init, name)(shape, np.random.default_rng(11), **options)


sample = sample_of


# lesson 02: how the weights start


@formula(r"Z = X W + b \tag{2.1}")
@formula(r"Z = X W + b \tag{3.1}")
@formula(r"Z = X W + b \tag{6.3}")
def linear(says):
    X, layer = draw(5, 3), Sequential(Linear(3, 4, rng=np.random.default_rng(1))).astype(np.float64).layers[0]
    layer.b = draw(4)
    Z = says("Z", X=X, W=layer.W, b=layer.b)
    same(Z, layer.forward(X))
    for n, j in np.ndindex(5, 4):
        same(Z[n, j], sum(X[n, i] * layer.W[i, j] for i in range(3)) + layer.b[j])


@formula(r"W = 0, \qquad b = 0 \tag{2.2}")
def zeros(says):
    layer = Linear(3, 2, rng=np.random.default_rng(1), init=init.zeros)
    assert layer.W.size == 6
    assert np.unique(layer.W) == says("W")
    assert np.unique(layer.b) == says("b")


@formula(r"w \sim \mathcal{N}(0, \sigma^2) \tag{2.3}")
def normal(says):
    for sigma in (1.0, 0.01, 0.3):
        drawn_from(sample("normal", std=sigma), says("w", sigma=sigma, **LAWS))


def signs(sigma, n):
    """All 2ⁿ vectors of ±σ: the smallest weights with mean 0, spread σ and no dependence, so variances are exact."""
    return sigma * np.array(list(itertools.product([-1.0, 1.0], repeat=n)))


@formula(r"z = \sum_{i=1}^{n} w_i x_i, \qquad \mathrm{var}(z) = \sigma^2 \sum_{i=1}^{n} x_i^2 \tag{2.4}")
def variances_add(says):
    n, sigma = 7, 0.3
    x = draw(n)
    variance = says(r"\mathrm{var}(z)", sigma=sigma, x=x, n=n)
    same(np.var([says("z", w=w, x=x, n=n) for w in signs(sigma, n)]), variance)
    layer = Linear(n, 20_000, rng=np.random.default_rng(1), init=lambda shape, rng: init.normal(shape, rng, sigma))
    z = layer.forward(x[None])[0]
    same(z[0], says("z", w=layer.W[:, 0], x=x, n=n))
    drawn_from(z, normal_law(0, variance))


@formula(r"\mathrm{spread}(z) = \sigma \sqrt{n \, (s^2 + \mu^2)} \tag{2.5}")
def spread_of_sums(says):
    n, sigma, X = 7, 0.3, 2 + 1.5 * draw(20, 7)
    spread = says(r"\mathrm{spread}(z)", sigma=sigma, n=n, s=X.std(), mu=X.mean())
    same((X @ signs(sigma, n).T).std(), spread)
    Z = Linear(n, 20_000, rng=np.random.default_rng(1), init=lambda s, rng: init.normal(s, rng, sigma)).forward(X)
    same(Z.std(), spread, rtol=0.02)


@formula(r"w \sim \mathcal{U}(-r, r), \qquad \mathrm{var}(w) = \frac{r^2}{3} \tag{2.6}")
def uniform(says):
    for r in (0.5, 0.03):
        law, variance = says("w", r=r, **LAWS), says(r"\mathrm{var}(w)", r=r)
        drawn_from(sample("uniform", bound=r), law)
        middles = law.inv_cdf((np.arange(10_000) + 0.5) / 10_000)
        same(np.mean(middles**2), variance, rtol=1e-7)
        same(law.variance, variance)


@formula(r"w \sim \mathcal{N}\!\left(0, \tfrac{1}{\text{fan-out}}\right) \tag{2.7}")
def by_fan_out(says):
    """No initialiser of nnlib: with this spread a layer's way back keeps the mean square."""
    law = says("w", fan_out=128, **LAWS)
    same(law.stdev, math.sqrt(1 / 128))
    rng = np.random.default_rng(1)
    layer = Linear(300, 128, rng=rng, init=lambda shape, rng: init.normal(shape, rng, law.stdev) + law.mean)
    layer.forward(draw(500, 300), training=True)
    dZ = 3 * draw(500, 128)
    same(np.mean(layer.backward(dZ) ** 2), np.mean(dZ**2), rtol=0.03)


@formula(r"w \sim \mathcal{N}\!\left(0, \tfrac{1}{\text{fan-in}}\right) \tag{2.8}")
def lecun(says):
    drawn_from(sample("lecun"), says("w", fan_in=400, **LAWS))


@formula(r"w \sim \mathcal{U}(-r, r), \qquad r = \sqrt{\frac{6}{\text{fan-in} + \text{fan-out}}} \tag{2.9}")
def glorot(says):
    drawn_from(sample("glorot"), says("w", r=says("r", fan_in=400, fan_out=250), **LAWS))


@formula(r"w \sim \mathcal{N}\!\left(0, \tfrac{2}{\text{fan-in}}\right) \tag{2.10}")
def he(says):
    drawn_from(sample("he"), says("w", fan_in=400, **LAWS))


@by("torch", "2.3", "2.6", "2.7", "2.8", "2.9", "2.10")
def initialisers(torch, normal, uniform, by_fan_out, lecun, glorot, he):
    """PyTorch keeps W as (out, in): its fan-in is the number of columns."""
    W, fans, torch_init = torch.empty(250, 400), {"fan_in": 400, "fan_out": 250}, torch.nn.init
    torch.manual_seed(0)
    for fill, law in (
        (lambda: torch_init.normal_(W, std=0.3), normal("w", sigma=0.3, **LAWS)),
        (lambda: torch_init.uniform_(W, -0.5, 0.5), uniform("w", r=0.5, **LAWS)),
        (lambda: torch_init.kaiming_normal_(W, mode="fan_out", nonlinearity="linear"), by_fan_out("w", **fans, **LAWS)),
        (lambda: torch_init.kaiming_normal_(W, nonlinearity="linear"), lecun("w", **fans, **LAWS)),
        (lambda: torch_init.xavier_uniform_(W), glorot("w", r=glorot("r", **fans), **LAWS)),
        (lambda: torch_init.kaiming_normal_(W, nonlinearity="relu"), he("w", **fans, **LAWS)),
    ):
        fill()
        drawn_from(W.numpy(), law)


@by("sympy", "2.6")
def variance_of_uniform(sympy, says):
    r, x = sympy.symbols("r x", positive=True)
    assert sympy.integrate(x**2 / (2 * r), (x, -r, r)) == says(r"\mathrm{var}(w)", r=r, number=sympy.Integer)


# lesson 03: forward


@formula(r"(X W_1 + b_1)\, W_2 + b_2 \;=\; X \,(W_1 W_2) \;+\; (b_1 W_2 + b_2) \tag{3.2}")
def two_linear_layers_are_one(says):
    net = random_net(Linear(3, 4, rng=np.random.default_rng(1)), Linear(4, 2, rng=np.random.default_rng(2)))
    X, (first, second) = draw(5, 3), net.layers
    b_1 = first.b[None]  # as a row, so that the bias times a matrix is a matrix product
    two, one = says.sides(0, X=X, W_1=first.W, b_1=b_1, W_2=second.W, b_2=second.b)
    same(two, net.forward(X))
    same(one, two)


def random_net(*layers):
    """A network in float64 whose parameters, biases too, are random."""
    net = Sequential(*layers).astype(np.float64)
    net.theta = 0.7 * draw(net.theta.size, seed=3)
    return net


Z_VALUES = np.concatenate([draw(30, scale=3), [0.0, -20.0, 20.0]])


@formula(r"\sigma(z) = \frac{1}{1 + e^{-z}} \tag{3.3}")
def sigmoid_value(says):
    A = says(r"\sigma(z)", z=Z_VALUES)
    same(A, sigmoid(Z_VALUES))
    same(A[None], Sigmoid().forward(Z_VALUES[None]))


@formula(r"\tanh(z) = \frac{e^{z} - e^{-z}}{e^{z} + e^{-z}} = 2\,\sigma(2z) - 1 \tag{3.4}")
def tanh_value(says):
    A = says(r"\tanh(z)", z=Z_VALUES, sigma=sigmoid)
    same(A, nnlib.tanh(Z_VALUES))
    same(A[None], Tanh().forward(Z_VALUES[None]))


@formula(r"\mathrm{ReLU}(z) = \max(z, 0) \tag{3.5}")
@formula(r"A = \max(Z, 0) \tag{6.1}")
def relu_value(says):
    left = says.statements[0].partition("=")[0]
    A = says(left, z=Z_VALUES, Z=Z_VALUES)
    same(A, nnlib.relu(Z_VALUES))
    same(A[None], ReLU().forward(Z_VALUES[None]))


def row_of(says, left, z, **env):
    """Σ_j runs over the row, and the left side is asked for every k."""
    return np.array([says(left, z=z, k=k, j=range(len(z)), **env) for k in range(len(z))])


@formula(r"p_k = \frac{e^{z_k}}{\sum_j e^{z_j}} \tag{3.6}")
def softmax_value(says):
    for z in (draw(4, scale=3), np.array([0, math.log(3)])):
        same(row_of(says, "p_k", z), softmax(z))


HUGE = np.array([0.0, 1000.0, 999.0])


@formula(r"p_k = \frac{e^{z_k - m}}{\sum_j e^{z_j - m}}, \qquad m = \max_j z_j \tag{3.7}")
def softmax_shifted(says):
    for z in (draw(4, scale=3), HUGE):
        m = says("m", z=z, j=range(len(z)))
        same(row_of(says, "p_k", z, m=m), softmax(z))


@formula(r"L = -\frac1N \sum_{n=1}^{N} \ln p_{n,\,y_n} \tag{3.8}")
def cross_entropy_value(says):
    Z, y = draw(6, 4), np.array([0, 3, 1, 1, 2, 3])
    same(says("L", N=6, p=softmax(Z), y=y), cross_entropy(Z, y)[0])


@formula(r"\ln p_k = (z_k - m) - \ln \sum_j e^{z_j - m} \tag{3.9}")
def log_softmax_value(says):
    for z in (draw(4, scale=3), HUGE):
        logs = row_of(says, r"\ln p_k", z, m=z.max())
        same(logs, log_softmax(z))
    same(row_of(says, r"\ln p_k", z := draw(4), m=0.3), np.log(softmax(z)))


YES = np.arange(len(Z_VALUES)) % 2


def mean_binary(z, y):
    return [binary_cross_entropy(np.array([one]), np.array([answer]))[0] for one, answer in zip(z, y, strict=True)]


@formula(r"L = -\bigl[\, y \ln p + (1 - y) \ln (1 - p) \,\bigr] \tag{3.10}")
def binary_from_the_probability(says):
    z, y = Z_VALUES[:30], YES[:30]
    same(says("L", y=y, p=sigmoid(z)), mean_binary(z, y))


@formula(r"L = \ln(1 + e^{z}) - y z \tag{3.11}")
def binary_from_the_logit(says):
    same(says("L", y=YES, z=Z_VALUES), mean_binary(Z_VALUES, YES))


@formula(r"L = \max(z, 0) - y z + \ln\bigl(1 + e^{-|z|}\bigr) \tag{3.12}")
def binary_without_overflow(says):
    z, y = np.concatenate([Z_VALUES, [1000.0, -1000.0]]), np.append(YES, [0, 1])
    same(says("L", y=y, z=z), mean_binary(z, y))


@formula(r"L = \frac{1}{N K} \sum_{n, k} (s_{n,k} - t_{n,k})^2 \tag{3.13}")
def squared_error_value(says):
    S, T = draw(5, 3), draw(5, 3, seed=1)
    same(says("L", N=5, K=3, n=range(5), k=range(3), s=S, t=T), mse(S, T)[0])


@by("torch", "3.3", "3.4", "3.5", "6.1")
def activations(torch, sigmoid_print, tanh_print, relu_print, gate_print):
    z = torch.tensor(Z_VALUES)
    same(sigmoid_print(r"\sigma(z)", z=Z_VALUES), torch.sigmoid(z).numpy())
    same(tanh_print(r"\tanh(z)", z=Z_VALUES, sigma=sigmoid), torch.tanh(z).numpy())
    same(relu_print(r"\mathrm{ReLU}(z)", z=Z_VALUES), torch.relu(z).numpy())
    same(gate_print("A", Z=Z_VALUES), torch.relu(z).numpy())


@by("torch", "3.6", "3.7", "3.9")
def softmaxes(torch, plain, shifted, logs):
    z = draw(5, scale=3)
    p = torch.softmax(torch.tensor(z), 0).numpy()
    same(row_of(plain, "p_k", z), p)
    same(row_of(shifted, "p_k", z, m=shifted("m", z=z, j=range(5))), p)
    same(row_of(logs, r"\ln p_k", z, m=z.max()), torch.log_softmax(torch.tensor(z), 0).numpy())


@by("torch", "3.8", "3.10", "3.11", "3.12", "3.13")
def losses(torch, over_classes, from_p, from_z, stable, squared):
    F, Z, S, T = torch.nn.functional, draw(6, 4), draw(5, 3), draw(5, 3, seed=1)
    y = np.array([0, 3, 1, 1, 2, 3])
    same(over_classes("L", N=6, p=softmax(Z), y=y), F.cross_entropy(torch.tensor(Z), torch.tensor(y)).item())
    z, yes = torch.tensor(Z_VALUES[:30]), torch.tensor(YES[:30]).double()
    expected = F.binary_cross_entropy_with_logits(z, yes, reduction="none").numpy()
    same(from_p("L", y=YES[:30], p=sigmoid(Z_VALUES[:30])), expected)
    same(from_z("L", y=YES[:30], z=Z_VALUES[:30]), expected)
    same(stable("L", y=YES[:30], z=Z_VALUES[:30]), expected)
    value = squared("L", N=5, K=3, n=range(5), k=range(3), s=S, t=T)
    same(value, F.mse_loss(torch.tensor(S), torch.tensor(T)).item())


def symbolic(sympy):
    """What the reader needs to compute with symbols."""
    return {
        "e": sympy.E,
        "ln": lambda x: sympy.log(x),
        "sqrt": lambda x: sympy.sqrt(x),
        "max": lambda *x: sympy.Max(*x),
        "number": lambda x: sympy.Integer(x) if isinstance(x, int) else sympy.Rational(str(x)),
    }


@by("sympy", "3.2")
def a_product_of_matrices_is_distributive(sympy, says):
    names = {name: sympy.Symbol(name, commutative=False) for name in ("X", "W_1", "b_1", "W_2", "b_2")}
    two, one = says.sides(0, **names)
    assert sympy.expand(two - one) == 0


@by("sympy", "3.3", "3.4")
def tanh_is_a_stretched_sigmoid(sympy, sigma, tanh):
    z, means = sympy.Symbol("z", real=True), symbolic(sympy)
    _, ratio, stretched = tanh.sides(
        0, z=z, tanh=lambda x: sympy.tanh(x), sigma=lambda x: sigma(r"\sigma(z)", z=x, **means), **means
    )
    assert sympy.simplify(ratio - stretched) == 0
    assert sympy.simplify(ratio - sympy.tanh(z).rewrite(sympy.exp)) == 0


@by("sympy", "3.6", "3.7", "3.9")
def only_differences_count(sympy, plain, shifted, logs):
    z, m, means = sympy.symbols("z:3", real=True), sympy.Symbol("m", real=True), symbolic(sympy)
    for k in range(3):
        at = {"z": z, "k": k, "j": range(3), **means}
        assert sympy.simplify(plain("p_k", **at) - shifted("p_k", m=m, **at)) == 0
        assert sympy.simplify(sympy.exp(logs(r"\ln p_k", m=m, **at)) - plain("p_k", **at)) == 0


@by("sympy", "3.3", "3.10", "3.11", "3.12")
def three_ways_to_write_binary_cross_entropy(sympy, sigma, from_p, from_z, stable):
    z, u, means = sympy.Symbol("z", real=True), sympy.Symbol("u", positive=True), symbolic(sympy)
    for y in (0, 1):
        L = from_z("L", y=y, z=z, **means)
        other = from_p("L", y=y, p=sigma(r"\sigma(z)", z=z, **means), **means)
        assert sympy.simplify(sympy.exp(L) - sympy.exp(other)) == 0
        for value in (u, -u):
            assert sympy.simplify(sympy.exp(L.subs(z, value) - stable("L", y=y, z=value, **means))) == 1


# lesson 04: backwards


@formula(r"\frac{dL}{dw} \approx \frac{L(w + \varepsilon) - L(w - \varepsilon)}{2\,\varepsilon} \tag{4.1}")
def central_difference(says):
    def L(w):
        return binary_cross_entropy(np.reshape(w, 1), np.array([1]))[0]

    def difference(w, eps):
        return says(r"\frac{dL}{dw}", L=L, w=w, varepsilon=eps)

    for w in (0.7, -2.0):
        slope = binary_cross_entropy(np.array([w]), np.array([1]))[1][0]
        quarters(lambda eps, w=w, slope=slope: abs(difference(w, eps) - slope))
        same(difference(w, 1e-5), numeric_gradient(L, w, 1e-5)[()], rtol=1e-9)


@formula(r"\frac{dL}{da} = \sum_j \frac{dL}{dz_j} \cdot \frac{dz_j}{da} \tag{4.2}")
def roads_add(says):
    """a feeds three logits; the slope of the whole way is measured, the slopes of its parts come from nnlib."""
    says = says.naming({r"\frac{dL}{dz_j}": "u_j", r"\frac{dz_j}{da}": "v_j"})
    layer, a = random_net(Linear(1, 3, rng=np.random.default_rng(1))).layers[0], np.array([[0.4]])
    dz = cross_entropy(layer.forward(a, training=True), np.array([1]))[1]
    da = says(r"\frac{dL}{da}", j=range(3), u=dz[0], v=layer.W[0])
    same(da, layer.backward(dz)[0, 0])
    same(da, numeric_gradient(lambda a: cross_entropy(layer.forward(a), np.array([1]))[0], a)[0, 0], rtol=1e-8)


def linear_layer():
    """X, y, a layer after its backward pass, the blame it got, and the loss as a function of any of the arrays."""
    X, y = draw(5, 3), np.array([0, 3, 1, 1, 2])
    layer = random_net(Linear(3, 4, rng=np.random.default_rng(1))).layers[0]
    dZ = cross_entropy(layer.forward(X, training=True), y)[1]
    dX = layer.backward(dZ)
    return X, layer, dZ, dX, lambda X=X, W=layer.W, b=layer.b: cross_entropy(X @ W + b, y)[0]


@formula(r"dW_{ij} = x_i \cdot dz_j \tag{4.3}")
def outer_product(says):
    x, dz = draw(3), draw(4)
    dW = np.array([[says("dW_{ij}", x=x, dz=dz, i=i, j=j) for j in range(4)] for i in range(3)])
    layer = random_net(Linear(3, 4, rng=np.random.default_rng(1))).layers[0]
    layer.forward(x[None], training=True)
    layer.backward(dz[None])
    same(dW, layer.dW)
    is_slope(dW, lambda W: np.sum((x @ W + layer.b) * dz), layer.W)


@formula(r"dW = X^\top\, dZ \tag{4.4}")
def weight_gradient(says):
    X, layer, dZ, _, L = linear_layer()
    dW = says("dW", X=X, dZ=dZ)
    same(dW, layer.dW)
    is_slope(dW, lambda W: L(W=W), layer.W)


@formula(r"db = \sum_n dZ_n \tag{4.5}")
@formula(r"db = \sum_n dZ_n \tag{6.4}")
def bias_gradient(says):
    _, layer, dZ, _, L = linear_layer()
    db = says("db", dZ=dZ, n=range(len(dZ)))
    same(db, layer.db)
    is_slope(db, lambda b: L(b=b), layer.b)


@formula(r"dX = dZ\, W^\top \tag{4.6}")
def input_gradient(says):
    X, layer, dZ, dX, L = linear_layer()
    same(says("dX", dZ=dZ, W=layer.W), dX)
    is_slope(says("dX", dZ=dZ, W=layer.W), lambda X: L(X=X), X)


ACTIVATIONS = (
    (Sigmoid, sigmoid, nnlib.sigmoid_derivative),
    (Tanh, nnlib.tanh, nnlib.tanh_derivative),
    (ReLU, nnlib.relu, nnlib.relu_derivative),
)


@formula(r"dZ = dA \odot f'(Z) \tag{4.7}")
def through_an_activation(says):
    Z, dA = draw(4, 4), draw(4, 4, seed=1)  # square: a matrix product would fit too
    for make, f, slope in ACTIVATIONS:
        layer = make()
        layer.forward(Z, training=True)
        dZ = says("dZ", dA=dA, Z=Z, f_prime=slope)
        same(dZ, layer.backward(dA))
        is_slope(dZ, lambda Z, f=f: np.sum(dA * f(Z)), Z)


def slope_of(value, slope, z):
    """The printed slope against nnlib's, and against a nudge of nnlib's function."""
    name = {sigmoid: "sigmoid", nnlib.tanh: "tanh", nnlib.relu: "relu"}[value]
    same(slope, getattr(nnlib, f"{name}_derivative")(z))
    is_slope(slope, lambda z: np.sum(value(z)), z)


@formula(r"\sigma'(z) = \sigma(z)\,(1 - \sigma(z)) \tag{4.8}")
def sigmoid_slope(says):
    slope_of(sigmoid, says(r"\sigma'(z)", z=Z_VALUES, sigma=sigmoid), Z_VALUES)


@formula(r"\tanh'(z) = 1 - \tanh^2(z) \tag{4.9}")
def tanh_slope(says):
    slope_of(nnlib.tanh, says(r"\tanh'(z)", z=Z_VALUES, tanh=nnlib.tanh), Z_VALUES)


@formula(r"\mathrm{relu}'(z) = \begin{cases} 1 & z > 0 \\ 0 & z \le 0 \end{cases} \tag{4.10}")
def relu_slope(says):
    slopes = np.array([says(r"\mathrm{relu}'(z)", z=z) for z in Z_VALUES], float)
    same(slopes, nnlib.relu_derivative(Z_VALUES))
    away = Z_VALUES[Z_VALUES != 0]
    slope_of(nnlib.relu, slopes[Z_VALUES != 0], away)


@formula(r"L = -\frac{1}{N} \sum_n \ln P_{n,\,t_n} \qquad dZ = \frac{1}{N}\,(P - Y) \tag{4.11}")
def cross_entropy_and_its_gradient(says):
    Z, t = draw(5, 4), np.array([0, 3, 1, 1, 2])

    def L(Z):
        return says("L", N=5, n=range(5), P=softmax(Z), t=t)

    dZ = says("dZ", N=5, P=softmax(Z), Y=one_hot(t, 4))
    value, gradient = cross_entropy(Z, t)
    same(L(Z), value)
    same(dZ, gradient)
    is_slope(dZ, L, Z)


@formula(
    r"\frac{\partial p_j}{\partial z_k} = p_j\,(\delta_{jk} - p_k) \qquad "
    r"\delta_{jk} = 1 \text{ if } j = k, \text{ else } 0 \tag{4.12}"
)
def softmax_jacobian(says):
    phrase = says.statements[1].partition("=")[2]
    phrase = phrase.replace(r"\text{ if }", " if ").replace(r", \text{ else }", " else ").replace("=", "==")
    delta = np.array([[eval(phrase, {"j": j, "k": k}) for k in range(4)] for j in range(4)])
    z = draw(4)
    left = r"\frac{\partial p_j}{\partial z_k}"
    J = np.array([[says(left, p=softmax(z), delta=delta, j=j, k=k) for k in range(4)] for j in range(4)])
    for j in range(4):
        is_slope(J[j], lambda z, j=j: softmax(z)[j], z)
    cross = cross_entropy(z[None], np.array([2]))[1][0]
    same(-J[2] / softmax(z)[2], cross)


@formula(
    r"L = \frac{1}{N} \sum_n \big[ \ln(1 + e^{z_n}) - y_n z_n \big] \qquad dZ = \frac{1}{N}\,(\sigma(Z) - Y) \tag{4.13}"
)
def binary_cross_entropy_and_its_gradient(says):
    z, y = draw(6), np.array([0, 1, 1, 0, 1, 0])

    def L(z):
        return says("L", N=6, n=range(6), z=z, y=y)

    dZ = says("dZ", N=6, Z=z, Y=y, sigma=sigmoid)
    value, gradient = binary_cross_entropy(z, y)
    same(L(z), value)
    same(dZ, gradient)
    is_slope(dZ, L, z)


@formula(r"L = \frac{1}{NK} \sum_{n,k} (S_{nk} - T_{nk})^2 \qquad dS = \frac{2}{NK}\,(S - T) \tag{4.14}")
def squared_error_and_its_gradient(says):
    S, T = draw(5, 3), draw(5, 3, seed=1)

    def L(S):
        return says("L", N=5, K=3, n=range(5), k=range(3), S=S, T=T)

    dS = says("dS", N=5, K=3, S=S, T=T)
    value, gradient = mse(S, T)
    same(L(S), value)
    same(dS, gradient)
    is_slope(dS, L, S)


@formula(
    r"\sum_{ij} dW_{ij} V_{ij} \;\approx\; "
    r"\frac{L(W + \varepsilon V) - L(W - \varepsilon V)}{2\,\varepsilon} \tag{4.15}"
)
def random_projection(says):
    _, layer, _, _, L = linear_layer()
    V, dW = draw(3, 4, seed=9), layer.dW

    def sides(eps):
        env = {"i": range(3), "j": range(4), "dW": dW, "V": V, "W": layer.W}
        return says.sides(0, L=lambda W: L(W=W), varepsilon=eps, **env)

    same(sides(1e-5)[0], np.sum(layer.dW * V))
    same(sides(1e-5)[0], np.sum(numeric_gradient(lambda W: L(W=W), layer.W) * V), rtol=1e-8)
    quarters(lambda eps: abs(sides(eps)[0] - sides(eps)[1]))


@formula(r"\text{relative error} = \frac{|a - b|}{\max(|a|, |b|)} \tag{4.16}")
def relative_error(says):
    """A loss whose gradient is wrong by half; the report of the check holds both slopes and their error."""

    def half(Z, y):
        value, dZ = cross_entropy(Z, y)
        return value, dZ / 2

    net = random_net(Linear(3, 4, rng=np.random.default_rng(1)))
    for loss in (half, lambda Z, y: (half(Z, y)[0], -3 * half(Z, y)[1])):
        report = check_gradients(
            net, loss, *(draw(5, 3), np.array([0, 3, 1, 1, 2])), rng=np.random.default_rng(2), tolerance=9
        )
        assert len(report) == 3
        for row in report:
            same(says(r"\text{relative error}", a=row["backward"], b=row["numeric"]), row["relative_error"])


@by("torch", "4.4", "4.5", "4.6", "6.4")
def linear_by_autograd(torch, weights, bias, inputs, bias_again):
    X, layer, *_ = linear_layer()
    dZ = draw(5, 4, seed=8)
    leaves = [torch.tensor(np.array(a), requires_grad=True) for a in (X, layer.W, layer.b)]
    (leaves[0] @ leaves[1] + leaves[2]).backward(torch.tensor(dZ))
    same(inputs("dX", dZ=dZ, W=layer.W), leaves[0].grad.numpy())
    same(weights("dW", X=X, dZ=dZ), leaves[1].grad.numpy())
    same(bias("db", dZ=dZ, n=range(5)), leaves[2].grad.numpy())
    same(bias_again("db", dZ=dZ, n=range(5)), leaves[2].grad.numpy())


@by("torch", "4.2", "4.3", "4.7", "4.8", "4.9", "4.10", "6.2")
def chain_rule_by_autograd(torch, roads, outer, entrywise, sigmoid_print, tanh_print, relu_print, gate):
    """The functions are PyTorch's, the slopes between them the print's."""
    a, w = torch.tensor(0.4, dtype=torch.float64, requires_grad=True), torch.tensor(draw(3))
    z = torch.sin(a * w)
    z.retain_grad()
    torch.logsumexp(z**2, 0).backward()
    v = [torch.autograd.grad(torch.sin(a * w)[j], a)[0].item() for j in range(3)]
    named = roads.naming({r"\frac{dL}{dz_j}": "u_j", r"\frac{dz_j}{da}": "v_j"})
    same(named(r"\frac{dL}{da}", j=range(3), u=z.grad.numpy(), v=v), a.grad.item())

    x, dz, W = draw(3), draw(4), torch.zeros(3, 4, dtype=torch.float64, requires_grad=True)
    (torch.tensor(x) @ W).backward(torch.tensor(dz))
    same(np.array([[outer("dW_{ij}", x=x, dz=dz, i=i, j=j) for j in range(4)] for i in range(3)]), W.grad.numpy())

    Z, dA = np.append(draw(14), [0.0, 0.0]).reshape(4, 4), draw(4, 4, seed=1)
    slopes = {
        torch.sigmoid: lambda z: sigmoid_print(r"\sigma'(z)", z=z, sigma=sigmoid),
        torch.tanh: lambda z: tanh_print(r"\tanh'(z)", z=z, tanh=nnlib.tanh),
        torch.relu: lambda z: relu_print(r"\mathrm{relu}'(z)", z=z),
    }
    for f, slope in slopes.items():
        leaf = torch.tensor(Z, requires_grad=True)
        f(leaf).backward(torch.tensor(dA))
        by_entry = np.reshape([slope(z) for z in Z.flat], Z.shape)
        same(entrywise("dZ", dA=dA, Z=Z, f_prime=lambda Z, by_entry=by_entry: by_entry), leaf.grad.numpy())
    same(gate("dZ", dA=dA, Z=Z), leaf.grad.numpy())


@by("torch", "4.11", "4.13", "4.14")
def printed_losses_differentiated_by_autograd(torch, classes, binary, squared):
    """PyTorch computes the printed loss and differentiates it: that is the printed gradient, and PyTorch's own."""
    F, means = torch.nn.functional, {"ln": torch.log}
    t, y = np.array([0, 3, 1, 1, 2]), np.array([0, 1, 1, 0, 1])
    Z, z, S, T = draw(5, 4), draw(5), draw(5, 3), draw(5, 3, seed=1)
    rows = {"N": 5, "n": range(5)}
    cases = (
        (Z, lambda Z: classes("L", P=torch.softmax(Z, 1), t=t, **rows, **means),
         lambda Z: F.cross_entropy(Z, torch.tensor(t)), classes("dZ", N=5, P=softmax(Z), Y=one_hot(t, 4))),
        (z, lambda z: binary("L", z=z, y=y, **rows, **means),
         lambda z: F.binary_cross_entropy_with_logits(z, torch.tensor(y).double()),
         binary("dZ", N=5, Z=z, Y=y, sigma=sigmoid)),
        (S, lambda S: squared("L", S=S, T=T, K=3, k=range(3), **rows),
         lambda S: F.mse_loss(S, torch.tensor(T)), squared("dS", N=5, K=3, S=S, T=T)),
    )  # fmt: skip
    for scores, print_, own, gradient in cases:
        for loss in (print_, own):
            leaf = torch.tensor(scores, requires_grad=True)
            loss(leaf).backward()
            same(gradient, leaf.grad.numpy())
        same(print_(torch.tensor(scores)).item(), own(torch.tensor(scores)).item())


@by("torch", "4.12")
def jacobian_by_autograd(torch, says):
    z = draw(4)
    J = torch.autograd.functional.jacobian(lambda z: torch.softmax(z, 0), torch.tensor(z)).numpy()
    left = r"\frac{\partial p_j}{\partial z_k}"
    for j, k in np.ndindex(4, 4):
        same(says(left, p=softmax(z), delta=np.eye(4), j=j, k=k), J[j, k])


@by("sympy", "3.3", "3.4", "4.8", "4.9")
def slopes_of_the_printed_activations(sympy, sigma, tanh, sigma_slope, tanh_slope):
    z, means = sympy.Symbol("z", real=True), symbolic(sympy)

    def value(x):
        return sigma(r"\sigma(z)", z=x, **means)

    assert sympy.simplify(sympy.diff(value(z), z) - sigma_slope(r"\sigma'(z)", z=z, sigma=value, **means)) == 0
    ratio = tanh.sides(0, z=z, tanh=lambda x: x, sigma=value, **means)[1]
    slope = tanh_slope(r"\tanh'(z)", z=z, tanh=lambda x: ratio, **means)
    assert sympy.simplify(sympy.diff(ratio, z) - slope) == 0


@by("sympy", "3.6", "4.12")
def jacobian_of_the_printed_softmax(sympy, softmax_print, jacobian):
    z, means = sympy.symbols("z:3", real=True), symbolic(sympy)
    p = [softmax_print("p_k", z=z, k=k, j=range(3), **means) for k in range(3)]
    for j, k in np.ndindex(3, 3):
        delta = {(a, b): int(a == b) for a in range(3) for b in range(3)}
        printed = jacobian(r"\frac{\partial p_j}{\partial z_k}", p=p, delta=delta, j=j, k=k, **means)
        assert sympy.simplify(sympy.diff(p[j], z[k]) - printed) == 0


@by("sympy", "3.3", "3.6", "4.11", "4.13", "4.14")
def printed_losses_differentiated_by_sympy(sympy, sigma, softmax_print, classes, binary, squared):
    means, y = symbolic(sympy), [1, 0]
    Z, T = (np.array(sympy.symbols(f"{name}:2:3", real=True)).reshape(2, 3) for name in "zt")
    rows = {"N": 2, "n": range(2), **means}

    P = np.array([[softmax_print("p_k", z=list(row), k=k, j=range(3), **means) for k in range(3)] for row in Z])
    printed = classes("dZ", P=P, Y=np.array([[0, 0, 1], [1, 0, 0]]), N=sympy.Integer(2), **means)
    L = classes("L", P=P, t=[2, 0], **rows)
    for entry, slope in zip(Z.flat, printed.flat, strict=True):
        assert sympy.simplify(sympy.diff(L, entry) - slope) == 0

    z, L = list(Z[0, :2]), binary("L", z=list(Z[0, :2]), y=y, **rows)
    for n in range(2):
        slope = binary("dZ", Z=z[n], Y=y[n], sigma=lambda x: sigma(r"\sigma(z)", z=x, **means), N=2, **means)
        assert sympy.simplify(sympy.diff(L, z[n]) - slope) == 0

    L = squared("L", S=Z, T=T, K=3, k=range(3), **rows)
    printed = squared("dS", S=Z, T=T, N=2, K=3, **means)
    for entry, slope in zip(Z.flat, printed.flat, strict=True):
        assert sympy.expand(sympy.diff(L, entry) - slope) == 0


# lessons 05 to 07: the optimisers. Every one walks five steps along random gradients, from a state that is not zero.

# exact in float32 too, in which Keras keeps them; a large ε shows where it stands
ETA, MU, RHO, BETA_1, BETA_2, EPS = 1 / 16, 3 / 4, 7 / 8, 3 / 4, 7 / 8, 1 / 8
RATES = {"eta": ETA, "mu": MU, "rho": RHO, "beta_1": BETA_1, "beta_2": BETA_2, "varepsilon": EPS}
START, GRADIENTS = draw(8), draw(5, 8, seed=1)


def follows(opt, rule, names=()):
    """nnlib's optimiser, and the arrays it remembers by name, do what the rule says: (θ, g, t, *state) -> θ, *state."""
    for i, name in enumerate(names):
        getattr(opt, name)[...] = np.random.default_rng(i).random(8)
    state = [getattr(opt, name).copy() for name in names]
    theta = opt.params.value.copy()
    for t, g in enumerate(GRADIENTS, 1):
        opt.params.grad[...] = g
        opt.step()
        theta, *state = rule(theta, g, t, *state)
        same(opt.params.value, theta)
        for name, array in zip(names, state, strict=True):
            same(getattr(opt, name), array)


def params():
    return Params(START.copy(), np.zeros(8))


def torch_follows(torch, make, rule, memories=0):
    """PyTorch's optimiser, from its state of zeros, does what the rule says."""
    leaf = torch.tensor(START, requires_grad=True)
    opt, theta, state = make([leaf]), START, [np.zeros(8)] * memories
    for t, g in enumerate(GRADIENTS, 1):
        leaf.grad = torch.tensor(g)
        opt.step()
        theta, *state = rule(theta, g, t, *state)
        same(leaf.detach().numpy(), theta)


def sgd_rule(says):
    says = says.naming({r"\frac{\partial L}{\partial \theta}": "g"}) if "partial" in says.statements[0] else says
    return lambda theta, g, t: (says(r"\theta", theta=theta, g=g, **RATES),)


@formula(r"\theta \leftarrow \theta - \eta \, \frac{\partial L}{\partial \theta} \tag{5.1}")
@formula(r"\theta \leftarrow \theta - \eta\, g \tag{6.8}")
def sgd(says):
    follows(SGD(params(), ETA), sgd_rule(says))


@formula(r"w \leftarrow w - \eta \cdot 2w = (1 - 2\eta)\, w \tag{5.2}")
def walk_on_a_parabola(says):
    for eta in (0.1, 0.5, 1.0, 1.1):
        walker = Params(np.array([1.0]), np.zeros(1))
        opt, w = SGD(walker, eta), np.array([1.0])
        for _ in range(4):
            walker.grad[...] = numeric_gradient(lambda w: w[0] ** 2, walker.value)
            opt.step()
            w = says("w", w=w, eta=eta)
            assert np.abs(walker.value - w).max() < 1e-8


@formula(
    r"\text{precision} = \frac{TP}{TP + FP}, \qquad \text{recall} = \frac{TP}{TP + FN}, \qquad "
    r"F_1 = \frac{2 \cdot \text{precision} \cdot \text{recall}}{\text{precision} + \text{recall}} \tag{5.3}"
)
def precision_recall_f1(says):
    true, called, by_class = ratios(says)
    table = classification_report(true, called)
    assert len(table) == 5  # four classes and their mean
    for k, row in by_class.items():
        same(table.loc[k, ["precision", "recall", "F1"]].to_numpy(float), row)


def ratios(says):
    """Random answers, and the printed ratios of each class from TP, FP and FN counted one by one."""
    rng, by_class = np.random.default_rng(3), {}
    true, called = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
    for k in range(4):
        pairs = list(zip(true == k, called == k, strict=True))
        env = {"TP": pairs.count((True, True)), "FP": pairs.count((False, True)), "FN": pairs.count((True, False))}
        env |= {name: says(rf"\text{{{name}}}", **env) for name in ("precision", "recall")}
        by_class[k] = [env["precision"], env["recall"], says("F_1", **env)]
    return true, called, by_class


@formula(r"1.96 \sqrt{\frac{p\,(1 - p)}{n}} \tag{5.4}")
def sureness_of_an_accuracy(says):
    """The spread is exact: all 2ⁿ outcomes of n answers, each with its probability. 95 % is where 1.96 comes from."""
    n = 6
    outcomes = np.array(list(itertools.product([0, 1], repeat=n)))
    for p in (0.94, 0.3):
        chance = np.prod(np.where(outcomes, p, 1 - p), axis=1)
        share = np.array([nnlib.accuracy(row, np.ones(n, int)) for row in outcomes])
        spread = math.sqrt(chance @ (share - chance @ share) ** 2)
        (margin,) = says.sides(0, p=p, n=n)
        assert round(margin / spread, 10) == round(NormalDist().inv_cdf(0.975), 2)
    (margin,) = says.sides(0, p=0.94, n=2000)
    inside = [k for k in range(2001) if abs(k / 2000 - 0.94) <= margin]
    chance = sum(math.comb(2000, k) * math.exp(k * math.log(0.94) + (2000 - k) * math.log(0.06)) for k in inside)
    assert abs(chance - 0.95) < 0.01


@formula(r"dZ = dA \odot [Z > 0] \tag{6.2}")
def gate(says):
    Z, dA = np.append(draw(13), [0.0, -0.0, 0.0]).reshape(4, 4), draw(4, 4, seed=1)
    layer = ReLU()
    layer.forward(Z, training=True)
    same(says("dZ", dA=dA, Z=Z), layer.backward(dA))
    away = draw(4, 4)
    is_slope(says("dZ", dA=dA, Z=away), lambda Z: np.sum(dA * nnlib.relu(Z)), away)


@formula(r"W \sim \mathcal N(0, 1) \cdot \sqrt{\frac{2}{\text{fan-in}}}, \qquad b = 0 \tag{6.5}")
def he_by_hand(says):
    layer = Linear(400, 250, rng=np.random.default_rng(1))
    drawn_from(layer.W, says("W", fan_in=400, **LAWS))
    drawn_from(sample("he"), says("W", fan_in=400, **LAWS))
    assert np.unique(layer.b) == says("b")


def relu_net():
    layers = [Linear(4, 5, rng=np.random.default_rng(1)), ReLU(), Linear(5, 6, rng=np.random.default_rng(2)), ReLU()]
    net = random_net(*layers, Linear(6, 3, rng=np.random.default_rng(3)))
    return net, draw(7, 4), np.array([0, 2, 1, 1, 2, 0, 0])


@formula(r"A_0 = X, \qquad A_{i+1} = \max(A_i W_i + b_i,\, 0), \qquad \text{the last one without } \max \tag{6.6}")
def forward_through_all_layers(says):
    net, X, _ = relu_net()
    W, b = [layer.W for layer in net.layers[::2]], [layer.b for layer in net.layers[::2]]
    A = [says("A_0", X=X)]
    for i in range(3):
        last = {"max": lambda value, zero: value} if i == 2 and "without" in says.statements[2] else {}
        A.append(says("A_{i+1}", A=A, W=W, b=b, i=i, **last))
        same(A[-1], Sequential(*net.astype(np.float64).layers[: 2 * i + 2]).forward(X))


@formula(
    r"dW_i = A_i^\top dZ, \qquad db_i = \sum_n dZ_n, \qquad dZ \leftarrow (dZ\, W_i^\top) \odot [A_i > 0] \tag{6.7}"
)
def backward_through_all_layers(says):
    net, X, y = relu_net()
    linears = net.layers[::2]
    A = [X, *(Sequential(*net.astype(np.float64).layers[:k]).forward(X) for k in (2, 4))]
    _, dZ = cross_entropy(net.forward(X, training=True), y)
    net.backward(dZ)
    gradient = []
    for i in reversed(range(3)):
        dW, db = says("dW_i", A=A, dZ=dZ, i=i), says("db_i", dZ=dZ, n=range(7))
        same(dW, linears[i].dW)
        same(db, linears[i].db)
        gradient = [dW.ravel(), db, *gradient]
        dZ = says("dZ", dZ=dZ, W=[layer.W for layer in linears], A=A, i=i)

    def L(theta):
        moved = net.astype(np.float64)
        moved.theta = theta
        return cross_entropy(moved.forward(X), y)[0]

    is_slope(np.concatenate(gradient), L, net.theta, rtol=1e-6)


def momentum_rule(says):
    def rule(theta, g, t, v):
        v = says("v", v=v, g=g, **RATES)
        return says(r"\theta", theta=theta, v=v, **RATES), v

    return rule


def cache_rule(says):
    def rule(theta, g, t, c):
        c = says("c", c=c, g=g, **RATES)
        return says(r"\theta", theta=theta, g=g, c=c, **RATES), c

    return rule


def adam_rule(moments, correct, step):
    """`correct`: the print of m̂ and v̂, or None where the step holds the correction."""

    def rule(theta, g, t, m, v):
        m, v = moments("m", m=m, g=g, **RATES), moments("v", v=v, g=g, **RATES)
        env = {"m": m, "v": v, "t": t, **RATES}
        hats = {f"hat{name}": correct(rf"\hat {name}", **env) for name in "mv"} if correct else {}
        return step(r"\theta", theta=theta, **hats, **env), m, v

    return rule


@formula(r"v \leftarrow \mu\, v + g, \qquad \theta \leftarrow \theta - \eta\, v \tag{6.9}")
def momentum(says):
    follows(SGD(params(), ETA, MU), momentum_rule(says), ["velocity"])


@formula(r"c \leftarrow c + g^2, \qquad \theta \leftarrow \theta - \eta\, \frac{g}{\sqrt{c} + \varepsilon} \tag{6.10}")
def adagrad(says):
    follows(AdaGrad(params(), ETA, EPS), cache_rule(says), ["cache"])


@formula(
    r"c \leftarrow \rho\, c + (1 - \rho)\, g^2, \qquad "
    r"\theta \leftarrow \theta - \eta\, \frac{g}{\sqrt{c} + \varepsilon} \tag{6.11}"
)
def rmsprop(says):
    follows(RMSProp(params(), ETA, RHO, EPS), cache_rule(says), ["cache"])


def adam():
    return Adam(params(), ETA, BETA_1, BETA_2, EPS)


@formula(r"m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2 \tag{6.12}")
def adam_moments(says):
    follows(adam(), adam_rule(says, listed("6.13"), listed("6.13")), ["m", "v"])


@formula(
    r"\hat m = \frac{m}{1 - \beta_1^t}, \qquad \hat v = \frac{v}{1 - \beta_2^t}, \qquad "
    r"\theta \leftarrow \theta - \eta\, \frac{\hat m}{\sqrt{\hat v} + \varepsilon} \tag{6.13}"
)
def adam_step(says):
    follows(adam(), adam_rule(listed("6.12"), says, says), ["m", "v"])


@formula(
    r"\theta \leftarrow \theta - \eta \, \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \varepsilon} \tag{7.1}"
)
def adam_in_one_line(says):
    follows(adam(), adam_rule(listed("6.12"), None, says), ["m", "v"])


@formula(
    r"\theta \leftarrow \theta - \eta \, \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \cdot "
    r"\frac{m}{\sqrt{v} + \varepsilon} \tag{7.2}"
)
def adam_of_keras(says):
    """It is nnlib's Adam with ε / √(1 - β₂ᵗ) in place of ε."""

    class Moved(Adam):
        def update(self, theta, grad):
            self.eps = EPS / math.sqrt(1 - self.beta2 ** (self.t + 1))
            super().update(theta, grad)

    follows(Moved(params(), ETA, BETA_1, BETA_2), adam_rule(listed("6.12"), None, says), ["m", "v"])


@formula(r"dW_{\text{total}} = dW + \lambda\, W \tag{6.14}")
def weight_decay(says):
    says, decay = says.naming({r"\lambda": "u"}), 0.3
    total = says(r"dW_{\text{total}}", u=decay, dW=GRADIENTS[0], W=START)
    walker = params()
    walker.grad[...] = GRADIENTS[0]
    SGD(walker, ETA, weight_decay=decay).step()
    same(START - walker.value, ETA * total)
    is_slope(total, lambda W: GRADIENTS[0] @ W + decay / 2 * np.sum(W**2), START)


@formula(
    r"\text{out} = A \odot M, \qquad "
    r"M = \begin{cases} 0 & \text{with probability } p \\ 1 / (1 - p) & \text{else} \end{cases} \tag{6.15}"
)
def dropout(says):
    says = says.naming({r"\text{with probability } p": "p > u", r"\text{else}": r"p \le u"})
    for p in (0.25, 0.5):
        layer, A, dY = Dropout(p, rng=np.random.default_rng(7)), draw(200, 200), draw(200, 200, seed=1)
        out = layer.forward(A, training=True)
        u = np.random.default_rng(7).random((200, 200))
        M = np.vectorize(lambda u, p=p: says("M", p=p, u=u), otypes=[float])(u[:5])
        same(says(r"\text{out}", A=A[:5], M=M), out[:5])
        same(says(r"\text{out}", A=dY[:5], M=M), layer.backward(dY)[:5])
        kept, dropped = says("M", p=p, u=1.0), says("M", p=p, u=0.0)
        same(np.unique(np.round(out / A, 9)), np.round([dropped, kept], 9))
        assert abs(np.mean(out == 0) - p) < 5 * math.sqrt(p * (1 - p) / A.size)
        same(p * dropped + (1 - p) * kept, 1.0)  # the mean is kept


@formula(
    r"L = \frac{1}{10} \sum_{k=0}^{9} \left[ \ln(1 + e^{p_k}) - y_k \, p_k \right], \qquad "
    r"0 \le p_k \le 1, \quad \sum_k p_k = 1 \tag{7.3}"
)
def jailed_loss(says):
    """The loss of a softmax that is taken for logits; lesson 07 calls its range [0.6552, 0.7552], and 0.7344 even."""
    rng = np.random.default_rng(1)
    corners, even = np.eye(10), np.full((1, 10), 0.1)
    P = np.concatenate(
        [corners, even, softmax(draw(50, 10)), softmax(draw(50, 10, scale=30)), rng.dirichlet(even[0], 50)]
    )
    right = one_hot(rng.integers(0, 10, len(P)), 10, np.float64)
    losses = np.array([says("L", p=p, y=y) for p, y in zip(P, right, strict=True)])
    same(losses, [binary_cross_entropy(p[None], y[None])[0] for p, y in zip(P, right, strict=True)])
    for p in P:
        for k in range(10):
            low, value, high = says.sides(1, p=p, k=k)
            assert (low, high) == (0, 1)
            assert low <= value <= high
        total, one = says.sides(2, p=p, k=range(10))
        same(total, float(one))
    best, worst = says("L", p=corners[3], y=corners[3]), says("L", p=corners[4], y=corners[3])
    assert (round(best, 4), round(worst, 4), round(losses[10], 4)) == (0.6552, 0.7552, 0.7344)
    assert best - 1e-12 <= losses.min() <= losses.max() <= worst + 1e-12


@by("torch", "5.1", "6.8", "6.9", "6.10", "6.11", "6.12", "6.13", "7.1", "6.14")
def optimisers(torch, sgd, sgd_again, momentum, adagrad, rmsprop, moments, step, in_one_line, decay):
    optim = torch.optim
    torch_follows(torch, lambda p: optim.SGD(p, ETA), sgd_rule(sgd))
    torch_follows(torch, lambda p: optim.SGD(p, ETA), sgd_rule(sgd_again))
    torch_follows(torch, lambda p: optim.SGD(p, ETA, momentum=MU), momentum_rule(momentum), 1)
    torch_follows(torch, lambda p: optim.Adagrad(p, ETA, eps=EPS), cache_rule(adagrad), 1)
    torch_follows(torch, lambda p: optim.RMSprop(p, ETA, alpha=RHO, eps=EPS), cache_rule(rmsprop), 1)
    for rule in (adam_rule(moments, step, step), adam_rule(moments, None, in_one_line)):
        torch_follows(torch, lambda p: optim.Adam(p, ETA, (BETA_1, BETA_2), EPS), rule, 2)
    decay = decay.naming({r"\lambda": "u"})
    torch_follows(
        torch,
        lambda p: optim.SGD(p, ETA, weight_decay=0.3),
        lambda theta, g, t: (theta - ETA * decay(r"dW_{\text{total}}", u=0.3, dW=g, W=theta),),
    )


# lesson 08


@formula(r"\sum_k \frac{\partial L}{\partial z_k} = \sum_k (p_k - y_k) = 1 - 1 = 0 \tag{8.1}")
def no_blame_in_common(says):
    """The blames of the logits of one example add up to 0, so softmax cannot see a common shift."""
    z, t = draw(7), np.array([4])
    g = cross_entropy(z[None], t)[1][0]
    is_slope(g, lambda z: cross_entropy(z[None], t)[0], z)
    short = says.naming({r"\frac{\partial L}{\partial z_k}": "g_k"})
    sides = short.sides(0, k=range(7), g=g, p=softmax(z), y=one_hot(t, 7)[0])
    np.testing.assert_allclose(sides, 0, atol=1e-15)
    assert len(sides) == 4
    p, y = draw(7, seed=1), draw(7, seed=2)  # 0 is also minus 0: the sum of differences, where it is not 0
    same(short.sides(0, k=range(7), g=g, p=p, y=y)[1], np.sum(p - y))


@formula(
    r"dZ = -\frac1N \left( \frac{Y}{A} - \frac{1 - Y}{1 - A} \right) A\,(1 - A) "
    r"= \frac1N \bigl( -Y (1 - A) + (1 - Y) A \bigr) = \frac1N \,(A - Y) \tag{8.2}"
)
def what_cancels(says):
    """All sides are one number where nothing is 0 below a line, and the last is the slope of nnlib's loss anywhere."""
    Z, Y = draw(6, scale=2), np.array([0, 1, 1, 0, 1, 0])
    dZ = says("dZ", N=6, Y=Y, A=sigmoid(Z))
    same(dZ, binary_cross_entropy(Z, Y)[1])
    is_slope(dZ, lambda Z: binary_cross_entropy(Z, Y)[0], Z)
    sides = says.sides(0, N=1, Y=1, A=1 - 2.0**-53, dZ=-(2.0**-53))
    same(sides[-1], sides[0])


@formula(r"L = \frac{1}{N} \sum_n \sum_k (P_{nk} - Y_{nk})^2 \qquad dP = \frac{2}{N}\,(P - Y) \tag{8.3}")
def squared_error_of_probabilities(says):
    """Not averaged over the classes, as mse is: C times that."""
    P, Y = softmax(draw(5, 4)), one_hot(np.array([0, 3, 1, 1, 2]), 4, np.float64)

    def L(P):
        return says("L", N=5, n=range(5), k=range(4), P=P, Y=Y)

    dP, (value, gradient) = says("dP", N=5, P=P, Y=Y), mse(P, Y)
    same(L(P), 4 * value)
    same(dP, 4 * gradient)
    is_slope(dP, L, P)


@formula(r"L = \frac{1}{2N} \sum_n \sum_k (A_{nk} - Y_{nk})^2 \qquad dA = \frac{1}{N}\,(A - Y) \tag{8.4}")
def half_the_squared_error(says):
    A, Y = sigmoid(draw(5, 4)), one_hot(np.array([0, 3, 1, 1, 2]), 4, np.float64)

    def L(A):
        return says("L", N=5, n=range(5), k=range(4), A=A, Y=Y)

    dA, (value, gradient) = says("dA", N=5, A=A, Y=Y), mse(A, Y)
    same(L(A), 2 * value)
    same(dA, 2 * gradient)
    is_slope(dA, L, A)


@by("torch", "8.1", "8.2", "8.3", "8.4")
def losses_of_the_clinic(torch, common, cancels, squared, halved):
    def slope(loss, x):
        x = torch.tensor(x, requires_grad=True)
        loss(x).backward()
        return x.grad.numpy()

    F, Z, y = torch.nn.functional, draw(5, 4), np.array([0, 3, 1, 1, 2])
    Y = one_hot(y, 4, np.float64)
    g = slope(lambda Z: F.cross_entropy(Z, torch.tensor(y)), Z)
    short = common.naming({r"\frac{\partial L}{\partial z_k}": "g_k"})
    for row in range(5):
        sides = short.sides(0, k=range(4), g=g[row], p=softmax(Z)[row], y=Y[row])
        np.testing.assert_allclose(sides, 0, atol=1e-15)
    yes = torch.tensor(Y)
    dZ = slope(lambda Z: F.binary_cross_entropy_with_logits(Z, yes, reduction="sum") / 5, Z)
    same(cancels("dZ", N=5, Y=Y.ravel(), A=sigmoid(Z).ravel()), dZ.ravel())
    P = softmax(Z)
    same(squared("dP", N=5, P=P, Y=Y), slope(lambda P: ((P - yes) ** 2).sum(1).mean(), P))
    same(halved("dA", N=5, A=P, Y=Y), slope(lambda A: ((A - yes) ** 2).sum(1).mean() / 2, P))


@by("torch", "6.15", "7.3")
def dropout_and_the_jail(torch, mask, jail):
    mask = mask.naming({r"\text{with probability } p": "p > u", r"\text{else}": r"p \le u"})
    torch.manual_seed(0)
    out = torch.dropout(torch.ones(100, 100, dtype=torch.float64), 0.25, True).numpy()
    same(np.unique(out), np.array([mask("M", p=0.25, u=u) for u in (0, 1)]))
    p, y = softmax(draw(10)), np.eye(10)[3]
    loss = torch.nn.BCEWithLogitsLoss()(torch.tensor(p), torch.tensor(y))
    same(jail("L", p=p, y=y), loss.item())


@by("keras", "6.12", "7.2")
def adam_in_keras(keras, moments, step):
    theta = keras.Variable(START, dtype="float64")
    opt, rule = keras.optimizers.Adam(ETA, BETA_1, BETA_2, EPS), adam_rule(moments, None, step)
    expected, *state = START, np.zeros(8), np.zeros(8)
    for t, g in enumerate(GRADIENTS, 1):
        opt.apply([keras.ops.convert_to_tensor(g, dtype="float64")], [theta])
        expected, *state = rule(expected, g, t, *state)
        same(keras.ops.convert_to_numpy(theta + 0.0), expected)


@by("sklearn.metrics", "5.3")
def ratios_of_scikit_learn(metrics, says):
    true, called, by_class = ratios(says)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(true, called)
    for k, row in by_class.items():
        same([precision[k], recall[k], f1[k]], row)


@by("sympy", "5.2", "5.3", "5.4", "7.1", "7.2")
def identities(sympy, parabola, metrics, margin, ours, keras):
    means = symbolic(sympy)
    w, eta = sympy.symbols("w eta")
    _, step, factor = parabola.sides(0, w=w, eta=eta, **means)
    assert sympy.expand(step - factor) == sympy.expand(step - w + eta * sympy.diff(w**2, w)) == 0

    TP, FP, FN = sympy.symbols("TP FP FN", positive=True)
    env = {"TP": TP, "FP": FP, "FN": FN, **means}
    env |= {name: metrics(rf"\text{{{name}}}", **env) for name in ("precision", "recall")}
    assert sympy.simplify(metrics("F_1", **env) - 2 * TP / (2 * TP + FP + FN)) == 0

    p, n = sympy.symbols("p n", positive=True)
    (printed,) = margin.sides(0, p=p, n=n, **means)
    sd = sympy.sqrt(p * (1 - p) / n)
    assert sympy.simplify(printed / sd) == sympy.Rational("1.96")
    assert abs(sympy.sqrt(2) * sympy.erfinv(sympy.Rational("0.95")) - sympy.Rational("1.96")).evalf() < 0.005

    theta, m, v, b1, b2, eps = sympy.symbols("theta m v b1 b2 eps", positive=True)
    env = {"theta": theta, "eta": eta, "m": m, "v": v, "beta_1": b1, "beta_2": b2, "t": 1, **means}
    one = ours(r"\theta", varepsilon=eps / sympy.sqrt(1 - b2), **env)
    values = {theta: 0.3, eta: 0.2, m: 0.7, v: 0.4, b1: 0.6, b2: 0.8, eps: 0.1}
    assert abs((one - keras(r"\theta", varepsilon=eps, **env)).evalf(30, subs=values)) < 1e-15


# the tests

EQUATIONS = list(PROOFS)


def test_every_numbered_equation_is_listed_and_every_listed_one_is_printed():
    assert complaints(printed(), EQUATIONS) == []


@pytest.mark.parametrize("text", EQUATIONS, ids=number_of)
def test_equation(text):
    PROOFS[text](Print(text))


@pytest.mark.parametrize(("module", "numbers", "proof"), BY.values(), ids=BY)
def test_equation_by_another_package(module, numbers, proof):
    proof(package(module), *map(listed, numbers))


def package(module):
    reason = f"{module} is not installed: pip install -r requirements-frameworks.txt"
    with pytest.MonkeyPatch.context() as patch:  # as lesson 07 imports Keras: the first import decides for all tests
        for name, value in (
            ("KERAS_BACKEND", "tensorflow"),
            ("TF_ENABLE_ONEDNN_OPTS", "0"),
            ("TF_CPP_MIN_LOG_LEVEL", "3"),
        ):
            patch.setenv(name, value)
        return pytest.importorskip(module, reason=reason)


# the tests of the tests


MISPRINTS = (
    *((rf"\{sign}", other) for sign, other in ("+-", "-+")),
    *((digit, str((int(digit) + 1) % 10)) for digit in "0123456789"),
    (r"\\top", "1"),
    (">", "<"),
    (r"\\odot", "+"),
    (r"\\cdot", "+"),
    (r"\\ln(?![a-z])", r"\\sqrt"),
    (r"(= |\\leftarrow )(?!0)", r"\1-"),
)


def misprints(text):
    """The text with one sign, digit or operation changed, for each of them; words and the number are left alone."""
    words = [range(*match.span()) for match in re.finditer(r"\\(?:text|tag)\{[^}]*\}|\\mathrm\{[^}]*\}", text)]
    for old, new in MISPRINTS:
        for match in re.finditer(old, text):
            if not any(match.start() in word for word in words):
                yield text[: match.start()] + match.expand(new) + text[match.end() :]


@pytest.mark.parametrize("text", EQUATIONS, ids=number_of)
def test_a_misprint_is_refused_by_its_proof(text):
    """Not for being unlisted, but for being wrong: the same alteration in the list would not help it."""
    with np.errstate(all="ignore"):
        for wrong in misprints(text):
            try:
                PROOFS[text](Print(wrong))
            except AssertionError:
                continue
            pytest.fail(f"believed: {wrong}")


@pytest.mark.parametrize(("module", "numbers", "proof"), BY.values(), ids=BY)
def test_another_package_refuses_a_misprint(module, numbers, proof):
    """One misprint of each of its equations; of the statements that a package has nothing to say about, none."""
    prints = list(map(listed, numbers))
    for i, number in enumerate(numbers):
        text = next(text for text in EQUATIONS if number_of(text) == number)
        for wrong in misprints(text):
            with np.errstate(all="ignore"):
                try:
                    proof(package(module), *prints[:i], Print(wrong), *prints[i + 1 :])
                except AssertionError:
                    break
        else:
            pytest.fail(f"({number}): believed every misprint")


def test_every_equation_has_misprints():
    counts = [len(list(misprints(text))) for text in EQUATIONS]
    assert min(counts) > 0
    assert sum(counts) > 4 * len(EQUATIONS)
    assert list(misprints(r"w \sim x^\top - \text{fan-in} = 1 \tag{2.9}")) == [
        r"w \sim x^\top + \text{fan-in} = 1 \tag{2.9}",
        r"w \sim x^\top - \text{fan-in} = 2 \tag{2.9}",
        r"w \sim x^1 - \text{fan-in} = 1 \tag{2.9}",
        r"w \sim x^\top - \text{fan-in} = -1 \tag{2.9}",
    ]


class WrongLinear(Linear):
    """Four bugs: no bias, the weights' gradient divided once more, one number for all biases, the wrong sign below."""

    def forward(self, X, training=False):
        return super().forward(X, training) - self.b

    def fill_gradients(self, dZ):
        super().fill_gradients(dZ)
        self.dW = self.dW / len(dZ)
        self.db = np.full_like(self.db, self.db.sum())

    def backward(self, dZ):
        return -super().backward(dZ)


class WrongSigmoid(Sigmoid):
    def backward(self, dA):
        return super().backward(dA) * (1 - self.remembered)


class WrongSGD(SGD):
    """A velocity that is a running mean; without momentum, uphill."""

    def update(self, theta, grad):
        super().update(theta, (1 - self.momentum) * grad if self.momentum else -grad)


class WrongCache(RMSProp):
    """ε under the root; and, as AdaGrad, a cache that forgets."""

    def update(self, theta, grad):
        self.cache += (1 - self.rho) * (grad**2 - self.cache)
        theta -= self.lr * grad / np.sqrt(self.cache + self.eps)


class WrongAdam(Adam):
    """Starts to count at 0, as if the first step were the second."""

    def update(self, theta, grad):
        self.t += self.t == 0
        super().update(theta, grad)


class WrongDropout(Dropout):
    def forward(self, X, training=False):
        return super().forward(X, training) * (1 - self.p)


def wrong_loss(loss, of_value=1, of_gradient=1):
    return lambda scores, targets: tuple(
        np.multiply(part, by) for part, by in zip(loss(scores, targets), (of_value, of_gradient), strict=True)
    )


WRONG = [  # an equation, a name of nnlib, and what is wrong with it
    ("2.1", "Linear", WrongLinear),
    ("3.3", "sigmoid", lambda Z: nnlib.sigmoid(-Z)),
    ("3.6", "softmax", lambda Z: nnlib.softmax(Z) * 1.001),
    ("3.8", "cross_entropy", wrong_loss(cross_entropy, of_value=6)),
    ("3.9", "log_softmax", lambda Z: nnlib.log_softmax(Z) - 1),
    ("3.11", "binary_cross_entropy", wrong_loss(binary_cross_entropy, of_value=-1)),
    ("3.13", "mse", wrong_loss(mse, of_value=3)),
    ("4.1", "numeric_gradient", lambda f, x, eps: (f(x + eps) - f(x)) / eps + np.zeros(())),
    ("4.4", "Linear", WrongLinear),
    ("4.5", "Linear", WrongLinear),
    ("6.4", "Linear", WrongLinear),
    ("4.6", "Linear", WrongLinear),
    ("4.8", "sigmoid", lambda Z: nnlib.sigmoid(2 * Z)),
    ("4.11", "cross_entropy", wrong_loss(cross_entropy, of_gradient=5)),
    ("4.13", "binary_cross_entropy", wrong_loss(binary_cross_entropy, of_gradient=-1)),
    ("4.14", "mse", wrong_loss(mse, of_gradient=0.5)),
    ("5.1", "SGD", WrongSGD),
    ("6.7", "Linear", WrongLinear),
    ("6.9", "SGD", WrongSGD),
    ("6.10", "AdaGrad", lambda params, lr, eps: WrongCache(params, lr, 0.9, eps)),
    ("6.11", "RMSProp", WrongCache),
    ("6.13", "Adam", WrongAdam),
    ("7.1", "Adam", WrongAdam),
    ("6.15", "Dropout", WrongDropout),
    ("7.3", "binary_cross_entropy", wrong_loss(binary_cross_entropy, of_value=10)),
]


@pytest.mark.parametrize(("number", "name", "wrong"), WRONG, ids=[f"{number}-{name}" for number, name, _ in WRONG])
def test_a_wrong_nnlib_is_refused(number, name, wrong, monkeypatch):
    """The proofs compare with nnlib, not only the print with itself: its names are theirs through this module."""
    text = next(text for text in EQUATIONS if number_of(text) == number)
    monkeypatch.setitem(globals(), name, wrong)
    with pytest.raises(AssertionError):
        PROOFS[text](Print(text))


@pytest.mark.parametrize("number", ["2.3", "2.6", "2.8", "2.9", "2.10"])
def test_a_wrong_initialiser_is_refused(number, monkeypatch):
    """Two per cent wider, or shifted by two per cent of its spread."""
    text = next(text for text in EQUATIONS if number_of(text) == number)
    for alter in (lambda W: 1.02 * W, lambda W: W + 0.02 * W.std(), lambda W: np.sign(W) * W.std()):
        monkeypatch.setitem(globals(), "sample", lambda *args, alter=alter, **more: alter(sample_of(*args, **more)))
        with pytest.raises(AssertionError):
            PROOFS[text](Print(text))


@pytest.mark.parametrize("text", EQUATIONS, ids=number_of)
def test_a_misprint_is_unlisted(text):
    for wrong in misprints(text):
        altered = [wrong if equation == text else equation for equation in EQUATIONS]
        assert len(complaints(altered, EQUATIONS)) == 2  # the new text is unlisted, the old one no longer printed


def notebook(*sources, kind="markdown"):
    return json.dumps({"cells": [{"cell_type": kind, "source": source.splitlines(True)} for source in sources]})


def test_planted_notebooks(tmp_path):
    first, second = r"a = b + c \tag{1.1}", r"d = e \tag{1.2}"
    one, two = tmp_path / "01_one.ipynb", tmp_path / "02_two.ipynb"

    def found(*sources):
        one.write_text(notebook(*sources), encoding="utf-8")
        return complaints(printed(tmp_path), [first, second])

    two.write_text(notebook(f"$${second}$$", kind="markdown"), encoding="utf-8")
    good = "So\n\n$$ a = b\n + c \\tag{1.1} $$\n\nand $x$ and $$ y $$."
    assert found(good) == []
    assert found(good.replace("+", "-")) == [
        r"a = b - c \tag{1.1}: printed, but not listed here: new or altered",
        rf"{first}: listed, but no lesson prints it",
    ]
    assert found(good, r"$$ f = g \tag{1.3} $$") == [r"f = g \tag{1.3}: printed, but not listed here: new or altered"]
    assert found("no formula") == [rf"{first}: listed, but no lesson prints it"]
    assert found(good.replace(r" \tag{1.1}", "")) == [rf"{first}: listed, but no lesson prints it"]
    assert found(good, good) == ["(1.1): printed 2 times"]
    assert found(good.replace("1.1", "1.2"))[-1] == "(1.2): printed 2 times"
    with pytest.raises(ValueError, match=r"01_one.ipynb: a .tag that is not alone"):
        found(r"$ f = g \tag{1.3} $")
    two.write_text(notebook(f"$${second}$$", kind="code"), encoding="utf-8")
    assert found(good) == [rf"{second}: listed, but no lesson prints it"]


def test_an_equation_is_listed_once_and_with_a_number():
    with pytest.raises(AssertionError, match="no number"):
        formula("a = b")(linear)
    with pytest.raises(AssertionError, match="listed twice"):
        formula(r"a = b \tag{2.1}")(linear)
    assert len(EQUATIONS) == len(PROOFS)


def test_every_equation_number_of_another_package_is_listed():
    numbers = {number for _, several, _ in BY.values() for number in several}
    assert numbers <= {number_of(text) for text in EQUATIONS}
    assert {module for module, _, _ in BY.values()} == {"torch", "keras", "sklearn.metrics", "sympy"}


SQUARE, OTHER = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
READINGS = [
    (r"2 + 3 \cdot 4^2 - 1", {}, 49),
    (r"-2^2 + 1", {}, -3),
    (r"6 - 2 - 1", {}, 3),
    (r"\frac12 a / 2 b", {"a": 8.0, "b": 3.0}, 6),
    (r"\tfrac{a + 1}{2\,a}", {"a": 2.0}, 0.75),
    (r"2a (a - 1)", {"a": 3.0}, 12),
    (r"|a - 5| a", {"a": 2.0}, 6),
    (r"\sqrt{a^{2}} \ln e^{3}", {"a": 2.0}, 6),
    (r"f^2(a) + f(a)", {"a": 3.0, "f": lambda a: a + 1}, 20),
    (r"\beta_1^a", {"a": 3, "beta_1": 2.0, "beta": [9, 9]}, 8),
    (r"\sum_{i=1}^{3} x_i y_i + 1", {"x": [1, 2, 3], "y": [1, 10, 100]}, 322),
    (r"\sum_{k=0}^{1} x_k", {"x": [1, 2, 3]}, 3),
    (r"\sum_{i=2}^3 x_i", {"x": [1, 2, 3]}, 5),
    (r"\sum_{ij} x_{ij} \cdot y_j", {"x": SQUARE, "y": [1, 10], "i": range(2), "j": range(2)}, 64),
    (r"x_{n,\,t_n}", {"x": SQUARE, "t": [0, 1], "n": 1}, 4),
    (r"\max_j x_j - \max(1, 2)", {"x": [1, 7, 3], "j": range(3)}, 5),
    (r"X^\top X", {"X": np.array([[1.0], [2.0]])}, np.array([[5.0]])),
    (r"X \odot X", {"X": SQUARE}, SQUARE**2),
    (r"X Y", {"X": SQUARE, "Y": OTHER}, np.array([[2.0, 1.0], [4.0, 3.0]])),
    (r"5 [X > 1]", {"X": np.array([0.0, 1.0, 2.0])}, np.array([0, 0, 5])),
    (r"\begin{cases} 7 & a > 0 \\ 8 & a \le 0 \end{cases}", {"a": 0.0}, 8),
    (r"\hat m \text{fan-in} dW", {"hatm": 2.0, "fan_in": 3.0, "dW": 5.0}, 30),
    (r"\bigl[ 1 + \left( a \right) \bigr]", {"a": 2.0}, 3),
]


@pytest.mark.parametrize(("text", "env", "value"), READINGS, ids=[text for text, _, _ in READINGS])
def test_the_reader(text, env, value):
    same(Print(f"y = {text}")("y", **env), value)
    same(Print(f"x = 1, \\qquad y \\leftarrow {text} \\tag{{1.1}}")("y", **env), value)


@pytest.mark.parametrize(
    "text",
    ["y = (1", "y = 1)", "y = 1 +", "y = q", "y = \\frac{1}{0}", "x = 1", "y = x_5", "y = 1 = 2", "y", "y = f(1"]
    + ["y = \\begin{cases} 1 & 1 > 0 \\\\ 2 & 2 > 0 \\end{cases}", "y = \\unknown{2}", "y = \\sum x", "y = 1 }"],
)
def test_what_cannot_be_read_is_refused(text):
    with pytest.raises(AssertionError):
        Print(text)("y", x=[1, 2], f=lambda a: a)
