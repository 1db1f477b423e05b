"""Exercises of lesson 04: blame on paper and in code."""

import numpy as np

from ..functional import sigmoid
from .core import exercise

# sitting I · one number at a time


@exercise(
    "4.1",
    "the other class, by hand",
    minutes=3,
    difficulty=2,
    star=True,
    hints=[
        "Line 1 is p − y. The network says what it said before; what is y now?",
        "Lines 3 and 4 go as they did: every hidden unit adds up two roads, then comes the gate.",
        "Rows of dW1 are inputs, columns are units, both counted from 0: what comes in at row 1, and which unit's "
        "blame comes back in column 1?",
    ],
    praise="Both probabilities are ½, so turning the target round turns every sign round and changes no size. The "
    "sleeping unit would now be asked to be quieter; it is silent already, and its gate gives 0 either way.",
)
def other_class():
    """The entry dW1[1, 1] when the right answer is class 1."""
    # line 1: p - y = (1/2 - 0, 1/2 - 1) = (1/2, -1/2)
    # line 3: (1/2, -1/2, 1)
    # line 4, the gate: (1/2, -1/2, 0)
    # line 5: what came in from x_2, times the blame of unit 2
    return 2 * (-1 / 2)


@other_class.mistake(
    "1 is the entry for the old target, or that of unit 1: line 1 is p − y with a new y, and column 1 is unit 2, "
    "since Python counts from 0"
)
def _():
    return 1


@other_class.mistake("this is the weight from x₁ to unit 1: Python counts from 0, so row 1 and column 1 are the second")
def _():
    return 0.5


@other_class.mistake("this is the blame of the unit, or its product with x₁; row 1 is x₂, and what came in there is 2")
def _():
    return -0.5


@other_class.mistake(
    "0 stands below the sleeping unit, but column 1 is a unit that is awake; and line 1 starts from the "
    "probabilities, not from the logits"
)
def _():
    return 0


@other_class.mistake(
    "2 is what unit 3 (column 2) would get if its gate were open; column 1 is unit 2, and line 4 comes before line 5"
)
def _():
    return 2


@exercise(
    "4.2",
    "predict, then run",
    minutes=4,
    difficulty=2,
    hints=[
        "Which sum does unit 3 form from x = (1, 2), when its weights are 0 and w?",
        "While the unit sleeps, its gate is shut. What does that make of every slope of its weights?",
        "Where the unit has barely woken, a₃ is nearly 0 and line 3 is still the old one, but the gate is open. "
        "Then what came in times blame.",
    ],
    praise="Unit 3 forms the sum 0·1 + w·2 = 2w. Up to w = 0 ReLU gives 0 and the loss stays at 0.6931: flat, with "
    "slope 0 at the dot. Right of 0 the unit is awake, pushes logit 0 up and logit 1 down, and the loss falls steeply. "
    "So the blame of −1 in line 3 was right, there was something to gain. But it lies behind a flat stretch, and a "
    "slope sees only where it stands. A unit that sleeps for every example of the data never gets a signal to wake; "
    "lesson 02's careful start is there to avoid this.",
)
def sleeping_weight():
    """Where the flat piece ends, the slope at w = -1, and the slope right after the flat piece."""
    end = 0.0  # z_3 = 0 · 1 + w · 2 = 2w, and ReLU's corner is where that is 0
    asleep = 0.0  # the gate is shut
    awake = 2.0 * -1  # the gate is open: what came in from x_2, times the blame of unit 3
    return end, asleep, awake


@sleeping_weight.mistake(
    "−½ was the corner of the last picture, where x₁ had a weight too; write down the sum of unit 3"
)
def _():
    return -0.5, ..., ...


@sleeping_weight.mistake("−1 is where the weight is now; the corner is where the sum of unit 3 stops being negative")
def _():
    return -1, ..., ...


@sleeping_weight.mistake("−2 is the sum of unit 3 now; which weight makes this sum stop being negative?")
def _():
    return -2, ..., ...


@sleeping_weight.mistake("at 1 the unit has been awake for a while: where does the sum of unit 3 stop being negative?")
def _():
    return 1, ..., ...


@sleeping_weight.mistake("at the dot the unit sleeps: its blame is −1, but what does its gate leave of that?")
def _():
    return ..., -2, ...


@sleeping_weight.mistake("at the dot the unit sleeps: a₃ has the blame −1, but what does the gate leave of that?")
def _():
    return ..., -1, ...


@sleeping_weight.mistake("this is flat everywhere; the unit wakes on the right, and its gate opens")
def _():
    return ..., 0, 0


@sleeping_weight.mistake("the last number is the blame of the unit; the weight's is that times what came in")
def _():
    return ..., ..., -1


@sleeping_weight.mistake("the last number is positive; but after the flat piece the curve falls")
def _():
    return ..., ..., 2


@sleeping_weight.mistake("the last number is positive; but after the flat piece the curve falls, and x₂ is not 1")
def _():
    return ..., ..., 1


# sitting II · whole batches


@exercise(
    "4.a",
    "column 3",
    minutes=1,
    difficulty=1,
    hints=[
        "Which images write into column 3, and with what factor each?",
        "The blame of logit 3 is −0.9/N for a three. What is it for a seven?",
    ],
    options={
        "a": "The weights are 0, but dW is not made from weights: it is what came in times the blame that comes back, "
        "and neither of these is all zeros.",
        "b": "Minus dW adds up every three with the factor 0.9/N and every other image with −0.1/N: blurred, dark "
        "where threes have more ink than the others, pale where they have less.",
        "c": "Threes write most of it. But look at the blame of logit 3 for a seven, whose p is 0.1 as well: is it 0?",
        "d": "All probabilities are 0.1 at this start, so every three has the same blame and none stands out. What do "
        "all of them make, one on top of the other?",
    },
)
def ghost_of_three():
    """What the picture of column 3 of minus dW shows."""
    return "b"


@exercise(
    "4.3",
    "build a leaky ReLU",
    minutes=5,
    difficulty=2,
    star=True,
    hints=[
        "A leaky ReLU is two straight pieces. What is the slope of each?",
        "(4.7): the blame is multiplied by the local slope, entry by entry.",
        "np.where(condition, p, q) takes p where the condition holds and q elsewhere. The condition is about Z.",
    ],
    praise="The local slope is 1 on the right and 0.1 on the left: every unit passes some blame, so none is lost for "
    "good.",
)
def leaky_relu_backward(dA, Z):
    """dL/dZ of A = Z where Z > 0, and 0.1 · Z elsewhere.   dA, Z (N, D)  ->  dZ (N, D)"""
    return dA * np.where(Z > 0, 1, 0.1)


@leaky_relu_backward.inputs
def _(rng, N=5, D=4):
    # float64, as everything in lesson 04: there np.where(…, 1, 0.1) keeps the dtype
    Z = rng.standard_normal((N, D))
    Z[0, : D // 2] = 0
    return rng.standard_normal((N, D)), Z


@leaky_relu_backward.mistake("this is the old gate: where a ReLU lets nothing through, a leaky one lets a little")
def _(dA, Z):
    return dA * (Z > 0)


@leaky_relu_backward.mistake("the blame passes unchanged: the left piece has a slope of its own")
def _(dA, Z):
    return dA.copy()


@leaky_relu_backward.mistake("this multiplies by the value of the leaky ReLU; the blame meets its slope")
def _(dA, Z):
    return dA * np.where(Z > 0, Z, 0.1 * Z)


@leaky_relu_backward.mistake("left of 0 this multiplies by 0.1·z, the value; the slope of that piece is one number")
def _(dA, Z):
    return dA * np.where(Z > 0, 1, 0.1 * Z)


@leaky_relu_backward.mistake("this is the way forward again: the blame dA does not come in")
def _(dA, Z):
    return np.where(Z > 0, Z, 0.1 * Z)


@leaky_relu_backward.mistake("these are the slopes alone; the blame dA has to pass through them")
def _(dA, Z):
    return np.where(Z > 0, 1, 0.1)


@leaky_relu_backward.mistake("left of 0 this is the slope alone; the blame dA has to pass through it there too")
def _(dA, Z):
    return np.where(Z > 0, dA, 0.1)


@leaky_relu_backward.mistake("right of 0 this is the slope alone; the blame dA has to pass through it there too")
def _(dA, Z):
    return np.where(Z > 0, 1, 0.1 * dA)


@leaky_relu_backward.mistake("left of 0 this is 0.1·z, the way forward again; the blame dA does not come in there")
def _(dA, Z):
    return np.where(Z > 0, dA, 0.1 * Z)


@leaky_relu_backward.mistake("the slope is chosen by the sign of the blame dA; it depends on Z")
def _(dA, Z):
    return np.where(dA > 0, dA, 0.1 * dA)


@leaky_relu_backward.mistake("dA and Z have changed places: it is dA that is multiplied, and Z that chooses the slope")
def _(dA, Z):
    return np.where(dA > 0, Z, 0.1 * Z)


@leaky_relu_backward.mistake("the two slopes are exchanged")
def _(dA, Z):
    return dA * np.where(Z > 0, 0.1, 1)


@leaky_relu_backward.mistake("the left slope is negative here; but 0.1·z rises with z, also where z is negative")
def _(dA, Z):
    return dA * np.where(Z > 0, 1, -0.1)


@leaky_relu_backward.mistake("right but for Z = 0 exactly: there the second piece holds ('elsewhere')")
def _(dA, Z):
    return dA * np.where(Z >= 0, 1, 0.1)


@leaky_relu_backward.mistake("right but for Z = 0 exactly, where no blame passes; the second piece holds there")
def _(dA, Z):
    return dA * np.where(Z > 0, 1, np.where(Z < 0, 0.1, 0))


@leaky_relu_backward.mistake("0.01 is the left slope that PyTorch takes unless told; the task has another")
def _(dA, Z):
    return dA * np.where(Z > 0, 1, 0.01)


@exercise(
    "4.b",
    "the output's wrong db",
    minutes=1,
    difficulty=1,
    hints=[
        "dZ of the output layer is (P − Y) / N. Add up one row of it first.",
        "What do the probabilities of a row add up to, and what do the ten entries of Y?",
    ],
    options={
        "a": "Ten numbers of the same sign add up to a larger one. Do the ten blames of an image have the same sign?",
        "b": "Nine of the ten are positive, true. How large is the tenth, that of the right class, beside these nine "
        "together?",
        "c": "P does depend on the weights. Add up one row of P − Y and see whether the sum does too.",
        "d": "Each row of P − Y adds up to 0, since a row of P and a row of Y each add up to 1. So the whole sum is 0.",
    },
)
def output_bias_gradient():
    """What dZ.sum() over rows and units is for the output layer."""
    return "d"


@exercise(
    "4.4",
    "break it and explain",
    minutes=5,
    difficulty=2,
    hints=[
        "The right gate is (4.8), with z itself.",
        "The published gate is the same formula with a where z should be. Between which two numbers does a lie, and "
        "where between them is the slope of σ largest, where smallest?",
        "Walk back from the loss. Which gradients are finished before the blame reaches the sigmoid?",
    ],
    praise="A lies between 0 and 1, so σ is now taken between σ(0) = 0.5 and σ(1) = 0.731, and the gate lies between "
    "0.731 · 0.269 = 0.197 and 0.25. A jammed unit, whose true gate is nearly 0, passes at least 0.197 of the blame, "
    "as if it were wide awake; a unit at z = 2 passes 0.207 where 0.105 is right. layers[2].W and layers[2].b sit "
    "above the sigmoid: their blame has not been through the broken gate. Blame runs downwards, so wrong blame spoils "
    "what lies below the fault, and never what lies above it.",
)
def published_gate():
    """The right gate at z = 2, the two bounds of the published gate, and the i of the layers[i] that fits."""

    def gate(z):
        return float(sigmoid(z) * (1 - sigmoid(z)))

    return gate(2.0), gate(1.0), gate(0.0), 2


@published_gate.mistake(
    "the first number is the published gate at z = 2, the slope of σ at σ(2); the right one is its slope at 2"
)
def _():
    return 0.20716, ..., ..., ...


@published_gate.mistake("the first number is the value σ(2); the gate is the slope of σ there")
def _():
    return 0.8808, ..., ..., ...


@published_gate.mistake("the first number is 1 − σ(2), one of the two factors of (4.8)")
def _():
    return 0.1192, ..., ..., ...


@published_gate.mistake("the first number is rounded to one or two digits; give three")
def _():
    return 0.1, ..., ..., ...


@published_gate.mistake("the first number is rounded to one or two digits; give three")
def _():
    return 0.11, ..., ..., ...


@published_gate.mistake("the first number is cut off after three decimal places; round it instead")
def _():
    return 0.104, ..., ..., ...


@published_gate.mistake("the bounds are exchanged: the smaller one first")
def _():
    return ..., 0.25, 0.19661, ...


@published_gate.mistake(
    "0 to 0.25 is what the right gate can be, for any z; the published one gets a: where does a lie?"
)
def _():
    return ..., 0, 0.25, ...


@published_gate.mistake("0 and 1 are the bounds of a; the published gate is the slope of σ at a")
def _():
    return ..., 0, 1, ...


@published_gate.mistake("these are σ(0) and σ(1), values of σ; the gate is its slope there")
def _():
    return ..., 0.5, 0.73106, ...


@published_gate.mistake("these bounds have one σ too many: the published gate is the slope of σ at a, not at σ(a)")
def _():
    return ..., 0.21943, 0.235, ...


@published_gate.mistake("the second number is the published gate at z = 2; for a larger z it is smaller still")
def _():
    return ..., 0.20716, ..., ...


@published_gate.mistake("the second number is the right gate at z = 2; the published one gets a, and a is never 2")
def _():
    return ..., 0.10499, ..., ...


@published_gate.mistake("the second number is rounded to one or two digits; give three")
def _():
    return ..., 0.2, ..., ...


@published_gate.mistake("the second number is cut off after three decimal places; round it instead")
def _():
    return ..., 0.196, ..., ...


@published_gate.mistake(
    "the blame that reaches layers[0] has been through the gate; which layer gets its blame before?"
)
def _():
    return ..., ..., ..., 0


@published_gate.mistake("layers[1] is the sigmoid, which has no W and no b; every layer is counted, from 0")
def _():
    return ..., ..., ..., 1


@published_gate.mistake("the network has three layers, and Python counts them from 0: there is no layers[3]")
def _():
    return ..., ..., ..., 3


@published_gate.mistake("count from the front, as the report does: there is no minus sign in its lines")
def _():
    return ..., ..., ..., -1
