"""Exercises of lesson 02: counting, spreading and drawing the first weights."""

from math import sqrt

import numpy as np

from ..init import uniform
from .core import exercise, global_state
from .diagnose import Diagnosis, same

# section 1 · what there is to choose


@exercise(
    "2.1",
    "count a smaller network",
    minutes=2,
    difficulty=1,
    hints=[
        "Three widths make two layers that compute: from 784 to 10, and from 10 to 10.",
        "Each neuron of a layer has one weight for every number that comes in, and one bias.",
    ],
    praise="7,850 in the first layer and 110 in the second. Layer 0 computes nothing, so it has no biases.",
)
def smaller_network():
    """How many parameters has a network with the widths 784, 10, 10?"""
    layer_1 = 784 * 10 + 10
    layer_2 = 10 * 10 + 10
    return layer_1 + layer_2


@smaller_network.mistake("these are the weights alone; a bias is a parameter too")
def _():
    return 784 * 10 + 10 * 10


@smaller_network.mistake("this gives each of the 784 inputs a bias; layer 0 computes nothing")
def _():
    return 784 + 784 * 10 + 10 + 10 * 10 + 10


@smaller_network.mistake("one bias for each layer: each neuron has one of its own")
def _():
    return 784 * 10 + 1 + 10 * 10 + 1


@smaller_network.mistake("the biases of one of the two layers are missing")
def _():
    return 784 * 10 + 10 * 10 + 10


@smaller_network.mistake("this is the first layer alone")
def _():
    return 784 * 10 + 10


@smaller_network.mistake("these are the weights of the first layer alone")
def _():
    return 784 * 10


@smaller_network.mistake("784 biases in the first layer: a bias belongs to a neuron, not to an input")
def _():
    return 784 * 10 + 784 + 10 * 10 + 10


@smaller_network.mistake("this is the network above; here the widths are 784, 10, 10")
def _():
    return 109_386


@smaller_network.mistake("the answer is a number: write it without quotes")
def _():
    return "7960"


@smaller_network.mistake("these are the circles of the picture; a weight is a line")
def _():
    return 784 + 10 + 10


@smaller_network.mistake("all widths multiplied: lines lead only from one layer to the next, so add layer by layer")
def _():
    return 784 * 10 * 10


@smaller_network.mistake("7 alone arrived here; if you wrote a comma inside a number, leave it out")
def _():
    return 7


# section 2 · twins


@exercise(
    "2.a",
    "will the twins part?",
    minutes=1,
    difficulty=1,
    hints=[
        "Go through one change. What could a rule look at that differs between the two?",
        "Their inputs, their values, the weights that lead out of them: compare each for the two.",
    ],
    options={
        "a": "Whatever such a rule looks at is equal for both, so it changes both alike, and they are twins again.",
        "b": "Zero was not the trouble in itself. Name one thing that a rule finds different in these two neurons.",
        "c": "Each image does pull in another direction, but both twins see that same image. What tells them apart?",
        "d": "A rule may well change a weight that equals another: their inputs and values are not zero. But by how "
        "much does it change the one, and by how much the other?",
    },
)
def twins():
    """One rule for all neurons changes twins, a little at a time. They start at 0.5. What becomes of them?"""
    return "a"


# section 4 · four published choices


@exercise(
    "2.b",
    "six layers of 0.01",
    minutes=1,
    difficulty=2,
    hints=[
        "By what number does one layer multiply the spread? Put the 0.01 and the 11.3 together.",
        "From layer 1 to layer 6 that happens five times. A rough tenth is near enough.",
    ],
    options={
        "a": "That would be so if each layer passed on the spread that it gets. One weight spreads 0.01 and the sum "
        "11.3 times as wide as one term: what does a layer do to the spread?",
        "b": "A sixth would be a loss that six layers share. No layer knows of the others: each multiplies what it "
        "gets by the same factor.",
        "c": "Each layer multiplies by 0.01 × 11.3 = 0.11, and after five more the 0.09 has become 1.5 millionths. A "
        "factor that is off is off again at every layer.",
        "d": "This multiplies by 0.01 at each layer. It would be right for neurons with one input; these have 128.",
    },
)
def six_small_layers():
    """Six tanh layers of 128 neurons start with 0.01 · randn; layer 1 spreads by 0.09. And layer 6?"""
    return "c"


@exercise(
    "2.2",
    "a network that widens",
    minutes=3,
    difficulty=2,
    star=True,
    hints=[
        "How many terms does one neuron of layer 3 add, and what is under its root?",
        "Between 32 and 128 the fan-in is 32 and the fan-out 128. Put both into √(fan-in / fan-out).",
    ],
    options={
        "a": "This is the ratio the other way up. A wider layer has more sums; is each of them longer? How many terms "
        "one neuron adds is the width of the layer below.",
        "b": "It does look at a width, and with equal widths all went well. Which width does it look at, and how many "
        "terms does a neuron add?",
        "c": "The ratio of the two widths is ¼. Is that the factor of the variance, or of the spread?",
        "d": "From layer 2 on, each layer multiplies by √(fan-in / fan-out) = √(1/4) = ½: the signal goes to sleep. In "
        "layer 1 the error goes the other way, by √(784/8) ≈ 9.9: jammed. A network that narrows at each step is "
        "pushed towards jamming, one that widens towards sleep.",
    },
)
def widening_network():
    """What does √(1/fan-out) do from layer 2 to layer 4 of the widths 784, 8, 32, 128, 512?"""
    return "d"


@exercise(
    "2.3",
    "take away a half",
    minutes=3,
    difficulty=2,
    hints=[
        "The mean of a sum is the sum of the means, and weight and pixel are independent: multiply their means.",
        "The mean counts every term, whatever the others are. The spread comes from the coins of section 3.",
        "784 equal terms, each the mean of one weight times the mean of one pixel. Mind the sign.",
    ],
    praise="Over draws z spreads by only about 9.4, so for a typical digit it would have to land more than five "
    "spreads above its mean to be positive; relu turns the rest into 0. (A digit with little ink has a mean closer to "
    "0, and now and then wakes a neuron.) Pixels are never negative, so a mean in the weights adds up n times, while "
    "chance adds up only like √n. The mean of the weights must be 0.",
)
def take_away_a_half():
    """The mean of z; by what factor it grows with four times as many pixels; by what factor the spread grows."""
    mean_of_z = -51.3  # 784 × (−½) × 0.131 is −51.4; with more places of the mean it is −51.2: both are right
    return mean_of_z, 4, 2  # n times, √n times


@take_away_a_half.mistake("the answers are numbers: write them without quotes")
def _():
    return "-51.4", ..., ...


@take_away_a_half.mistake("answer 1: this is the mean of one product; z adds 784 of them")
def _():
    return -1 / 2 * 0.131, ..., ...


@take_away_a_half.mistake("answer 1: this is the sum of the 784 weights; most of them meet a dark pixel")
def _():
    return 784 * -1 / 2, ..., ...


@take_away_a_half.mistake("answer 1: a mean does not grow like the root; 784 times the same push is 784 pushes")
def _():
    return -sqrt(784) / 2 * 0.131, ..., ...


@take_away_a_half.mistake("answer 1: 0.308 is the spread of the pixels; their mean is asked for")
def _():
    return 784 * -1 / 2 * 0.308, ..., ...


@take_away_a_half.mistake("answer 1: with randn alone it would be 0; here a half was taken away from every weight")
def _():
    return 0, ..., ...


@take_away_a_half.mistake("answer 1: here a whole was taken away from every weight, not a half")
def _():
    return 784 * -1 * 0.131, ..., ...


@take_away_a_half.mistake("answer 1 is right but for its sign: on which side of 0 is the mean of the weights?")
def _():
    return 51.3, ..., ...


@take_away_a_half.mistake("answer 1 is right but rounded too far: give one place after the point")
def _():
    return -51, ..., ...


@take_away_a_half.mistake("answers 2 and 3 are exchanged: which of the two partly cancels?")
def _():
    return ..., 2, 4


@take_away_a_half.mistake("answer 2: chance partly cancels, which is why its spread grows so slowly; a mean does not")
def _():
    return ..., 2, ...


@take_away_a_half.mistake("answer 2: the mean of one product stays as it was; how many of them does z add?")
def _():
    return ..., 1, ...


@take_away_a_half.mistake("answer 2: this is the new mean; how many times the old one is it?")
def _():
    return ..., 4 * -51.3, ...


@take_away_a_half.mistake("answer 3: the variance grows so; the spread is its root")
def _():
    return ..., ..., 4


@take_away_a_half.mistake("answer 3: the spread of one weight stays as it was, but z adds more of them")
def _():
    return ..., ..., 1


@take_away_a_half.mistake("answer 3: an average of more terms would spread less so; z is a sum")
def _():
    return ..., ..., 1 / 2


@take_away_a_half.mistake("answer 3: this is the new spread; how many times the old one is it?")
def _():
    return ..., ..., 2 * 9.4


# section 5 · three that ask how wide the layer is


@exercise(
    "2.4",
    "a uniform LeCun",
    minutes=5,
    difficulty=2,
    star=True,
    hints=[
        "Two variances have to be equal: that of a draw between −r and r, by (2.6), and the one that LeCun wants.",
        "Write that equation down and solve it for r. The inputs of the layer are the first number of its shape.",
        "`uniform` does the drawing, once it is told how far; `glorot` shows how to pass that on.",
    ],
    praise="r²/3 = 1/fan-in gives r = √(3/fan-in), which is 0.0619 for 784 inputs.",
)
def lecun_uniform(shape, rng):
    """w ~ U(−r, r), variance 1 / fan-in.   shape (fan_in, fan_out)  ->  W, float32"""
    fan_in, _ = shape
    return uniform(shape, rng, sqrt(3 / fan_in))


@lecun_uniform.rule
def _(answer, rng):
    seed = int(rng.integers(2**31))
    for shape in ((200, 110), (90, 250)):
        before = global_state()
        W = answer(shape, np.random.default_rng(seed))
        if before != global_state():
            return Diagnosis.GLOBAL_RANDOMNESS, "draws from np.random itself; use the generator that is passed in"
        found = _form(W, shape) or _draw(W, *shape)
        if found:
            return found
    if not same(answer(shape, np.random.default_rng(seed)), W):
        return Diagnosis.UNREPEATABLE, "the numbers do not come from the generator that is passed in"
    if same(answer(shape, np.random.default_rng(seed + 1)), W):
        return Diagnosis.UNREPEATABLE, "the same weights whichever generator is passed in: it is not used"
    return None


def _form(W, shape):
    if W is None:
        return Diagnosis.RETURNS_NONE, "nothing is returned (None); end with `return …`"
    if not isinstance(W, np.ndarray):
        return Diagnosis.WRONG_TYPE, f"expected a NumPy array of weights, got a {type(W).__name__}"
    if W.shape != shape:
        kind = Diagnosis.TRANSPOSED if W.shape == shape[::-1] else Diagnosis.WRONG_SHAPE
        return kind, f"expected shape {shape}, got {W.shape}"
    if W.dtype == np.float64:
        return Diagnosis.FLOAT64, (
            "expected float32, got float64: draw in float32 as `uniform` does, and scale by a plain number (`sqrt`, "
            "not `np.sqrt`)"
        )
    if W.dtype != np.float32:
        return Diagnosis.WRONG_DTYPE, f"expected float32, got {W.dtype}"
    return None


def _draw(W, fan_in, fan_out):
    """Is it a draw from U(−r, r) with the right r? Chance alone breaks one of these less often than once in 100,000."""
    if not W.any():
        return Diagnosis.ALL_ZERO, "every weight is 0; twins would stay twins"
    if len(np.unique(W)) < 0.9 * W.size:
        return Diagnosis.KNOWN_MISTAKE, "the same numbers come back again and again: draw each weight by itself"
    if not abs(W.mean()) <= 5 * W.std() / sqrt(W.size):
        return Diagnosis.WRONG_VALUE, f"the mean is {W.mean():.3f}; positive and negative should balance"
    ordered = np.sort(W, axis=None)
    share = (ordered - ordered[0]) / (ordered[-1] - ordered[0])  # of the way from the least to the largest
    if np.abs(share - np.linspace(0, 1, W.size)).max() > 3 / sqrt(W.size):
        return Diagnosis.WRONG_VALUE, "not uniform: every number between −r and r should be equally likely"
    r, far = sqrt(3 / fan_in), float(np.abs(W).max())
    if abs(far / r - 1) <= 2e-3:
        return None
    for other, words in (
        (sqrt(1 / fan_in), "√(1/fan-in): that is the spread to reach, and a draw between −r and r spreads less than r"),
        (sqrt(1 / fan_in / 3), "√(1/(3 · fan-in)): solving (2.6) for r, the 3 went to the wrong side"),
        (sqrt(3 / fan_out), "√(3/fan-out): count the inputs, not the neurons"),
        (1 / fan_in, "1/fan-in: that is the variance to reach"),
        (3 / fan_in, "3/fan-in: that is r², the root is missing"),
        (sqrt(2 / fan_in), "√(2/fan-in), which is the spread of He's bell"),
        (sqrt(6 / fan_in), "√(6/fan-in): its variance is 2/fan-in, which is He's"),
        (sqrt(6 / (fan_in + fan_out)), "√(6/(fan-in + fan-out)), which is Glorot's"),
        (r / 2, "half of what it should be: before you scale it, does the draw go from −1 to 1?"),
        (2 * r, "twice too large: the way from one end to the other is 2r"),
        (sqrt(3 / 784), "√(3/784) whatever the shape is: take the fan-in from the shape"),
        (
            sqrt(3 / 64),
            "√(3/64) whatever the shape is: `fan_in` is left over from the loop of section 1; take the shape's",
        ),
        (0.5, "½, what `uniform` takes when no bound is given"),
        (1.0, "1: no scaling at all"),
    ):
        if abs(far / other - 1) <= 2e-3:
            return Diagnosis.KNOWN_MISTAKE, f"r is {words}"
    return Diagnosis.FACTOR, f"uniform, but r is {far / r:.3g} times what it should be"
