"""Exercises of lesson 01: pixels as rows, averages and leakage."""

import numpy as np

from .core import exercise

# pixels as rows


@exercise(
    "1.1",
    "a pixel's address",
    minutes=3,
    difficulty=1,
    hints=[
        "How many full lines come before line 14, and how many pixels do they hold together?",
        "Column 500: how many full lines of 28 fit into 500, and how many pixels are left over?",
        "100 − 180 is below 0, and uint8 has no numbers there: below 0 it goes on from 255, so −1 is 255, −2 is 254 …",
    ],
    praise="In Python, divmod(500, 28) gives line and column in one step. A uint8 result below 0 has 256 added to it.",
)
def pixel_address():
    """The column of the pixel (14, 10); line and column of column 500; 100 − 180 in uint8."""
    return 28 * 14 + 10, 500 // 28, 500 % 28, 100 - 180 + 256


@pixel_address.mistake("answer 1: line and column changed places; it is the lines that hold 28 pixels each")
def _():
    return 28 * 10 + 14, ..., ..., ...


@pixel_address.mistake("answer 1: lines and columns are counted from 0, so 14 full lines come before line 14")
def _():
    return 28 * 13 + 10, ..., ..., ...


@pixel_address.mistake("answer 1: line 14 and column 10 are already counted from 0, so there is nothing to take off")
def _():
    return 28 * 13 + 9, ..., ..., ...


@pixel_address.mistake("answer 1: one too many. All is counted from 0, the columns of X too")
def _():
    return 28 * 14 + 11, ..., ..., ...


@pixel_address.mistake("answers 2 and 3 changed places: the line first, then the column")
def _():
    return ..., 24, 17, ...


@pixel_address.mistake("answers 2 and 3 are counted from 1; here lines and columns are counted from 0")
def _():
    return ..., 18, 25, ...


@pixel_address.mistake("answer 2: one too many. Lines are counted from 0, and columns 0 to 27 of X are line 0")
def _():
    return ..., 18, ..., ...


@pixel_address.mistake("answer 2: count whole lines only; what is left over tells the column")
def _():
    return ..., 500 / 28, ..., ...


@pixel_address.mistake("answer 3: one too many. Columns are counted from 0, those of X and those of the image")
def _():
    return ..., ..., 25, ...


@pixel_address.mistake("answer 4: that is the result without the limits of uint8, which has no numbers below 0")
def _():
    return ..., ..., ..., -80


@pixel_address.mistake("answer 4: that is 180 − 100; here 180 is taken away from 100, which leads below 0")
def _():
    return ..., ..., ..., 80


@pixel_address.mistake("answer 4: uint8 does not stop at 0; it goes on from 255")
def _():
    return ..., ..., ..., 0


@pixel_address.mistake("answer 4: one off. The first step below 0 leads to 255, not to 254")
def _():
    return ..., ..., ..., 175


@pixel_address.mistake("the answers are numbers: write them without quotes")
def _():
    return "402", "17", "24", "176"


# train, dev, test


@exercise(
    "1.a",
    "the easy cut",
    minutes=1,
    difficulty=1,
    hints=[
        "Four rows, evenly spread over the file, and their labels never go down.",
        "There are about 1,000 images of each digit. Which digits have come by row 7,000?",
    ],
    options={
        "a": "The three slices are legal, and every shape is as it should be. Mistakes with data seldom raise an "
        "error: one has to look.",
        "b": "That is what the same cut gives in a shuffled file. In a shuffled file, would rows 0, 2500, 5000 and "
        "7500 be likely to rise like this?",
        "c": "A thousand images are enough: drawn at random, they would hold about 100 of each digit. The size of a "
        "part is not what matters here; ask where in the file it is cut.",
        "d": "The four rows rise because the file is sorted by class, and its first 7,000 rows end before the sevens "
        "begin. The shapes are right and no error appears.",
    },
)
def easy_cut():
    """What the labels show when a sorted file is cut in three."""
    return "d"


# ten average digits


@exercise(
    "1.2",
    "predict, then run",
    minutes=3,
    difficulty=1,
    star=True,
    hints=[
        "Write down what the reader does with one row: subtract, square, add up, compare.",
        "Take the two pixels of the hand example and let them change places, in the image and in both averages.",
    ],
    options={
        "a": "You cannot read the dust, so it is tempting. But you look for strokes; which step of the reader, "
        "subtract, square, add up, ever looked for one?",
        "b": "Something is lost to your eye. Go through subtract, square, add up, and say at which step a pixel's "
        "neighbours come in.",
        "c": "A distance adds up 784 squared differences, one per column, and a sum does not depend on the order of "
        "its terms. To this reader neighbouring pixels were never neighbours: it sees columns, not shapes.",
        "d": "Slant and position look as if they were gone, but every image was scrambled in the same order: where two "
        "images differed, they still differ, in another column.",
    },
)
def scrambled_score():
    """What becomes of the average reader's score when all columns change places."""
    return "c"


@exercise(
    "1.3",
    "ten averages with one `@`",
    minutes=8,
    difficulty=2,
    star=True,
    hints=[
        "Which product of Y, X and a .T has the shape (C, D)? The N in the middle is what gets summed over.",
        "Row k of Y.T has a 1 at each example of class k and a 0 elsewhere. What does that row times X add up?",
        "The sum of class k is divided by the count of class k: the counts are the column sums of Y, made a column.",
    ],
    praise="Row k of Y.T has a 1 at each example of class k, so row k of the product adds up those rows of X and skips "
    'the others. "Transpose, then multiply" to sum over examples comes back in lesson 04, as X.T @ dZ.',
)
def class_means(X, Y):
    """The average row of each class.   X (N, D), Y (N, C) one-hot  ->  (C, D)"""
    sums = Y.T @ X
    counts = Y.sum(axis=0)
    return sums / counts[:, None]


@class_means.inputs
def _(rng, C=3, D=5):
    counts = rng.permutation(C) + 1  # 1, 2, … C in some order: no two classes alike, and N is neither C nor D
    y = rng.permutation(np.repeat(np.arange(C), counts))
    return rng.standard_normal((len(y), D), dtype=np.float32), np.eye(C, dtype=np.float32)[y]


@class_means.mistake("these are the sums; an average is a sum divided by a count")
def _(X, Y):
    return Y.T @ X


@class_means.mistake("divided by the number of all examples; each class has a count of its own")
def _(X, Y):
    return Y.T @ X / len(X)


@class_means.mistake("divided by the number of classes; divide by how many examples each class has")
def _(X, Y):
    return Y.T @ X / Y.shape[1]


@class_means.mistake("divided by the share of each class; divide by its count")
def _(X, Y):
    return Y.T @ X / Y.mean(axis=0)[:, None]


@class_means.mistake("there are always ten averages here; there should be as many as Y has columns")
def _(X, Y):
    Y = np.pad(Y, ((0, 0), (0, 10 - Y.shape[1])))  # a class without examples: 0 / 0 is NaN, as its mean is
    return Y.T @ X / Y.sum(axis=0)[:, None]


@class_means.mistake("every class is divided by the same N / C, as if all classes had equally many examples")
def _(X, Y):
    return Y.T @ X / (len(X) / Y.shape[1])


@class_means.mistake("divided by the sums of the pixels; divide by how many examples each class has")
def _(X, Y):
    sums = Y.T @ X
    return sums / sums.sum(axis=1, keepdims=True)


@class_means.mistake("multiplied by the counts; an average divides")
def _(X, Y):
    return Y.T @ X * Y.sum(axis=0)[:, None]


@class_means.mistake("one average only; all C of them are asked for, one below the other")
def _(X, Y):
    return X[Y[:, 0] == 1].mean(axis=0)


# leakage


@exercise(
    "1.4",
    "too good to be true",
    minutes=4,
    difficulty=2,
    hints=[
        "Count the pixels of an image, then read the output once more.",
        "Every five has the label 5, so the average of the fives has a 5 in its label column too.",
        "Subtract, square, add up: what does the label column put into this sum?",
    ],
    praise="An image has 784 columns, so one is too many: the label. Between a 4 and a 5 it adds only 1, while by the "
    "pixels alone the nearest and the second nearest average differ by about 10 on a typical image. Next to that, 1 "
    "is a whisper, so the reader still errs; between a 0 and a 9 the label shouts. On Kaggle's "
    "test.csv the subtraction fails, since 784 and 785 columns do not match. If someone fills the column with zeros, "
    "accuracy falls to 43 % on dev, because every image now whispers 0.",
)
def label_column():
    """The telling number of columns; what the label adds to the squared distance from 4 to 5, and from 0 to 9."""
    return 784 + 1, (4 - 5) ** 2, (0 - 9) ** 2


@label_column.mistake("answer 1: that many pixels an image has; the output says another number")
def _():
    return 784, ..., ...


EARNED = "answer 1: a high score may be earned; look at the rest of the output"
label_column.mistake(EARNED)(lambda: (94, ..., ...))
label_column.mistake(EARNED)(lambda: (93.6, ..., ...))
label_column.mistake(EARNED)(lambda: (0.94, ..., ...))
label_column.mistake(EARNED)(lambda: (0.936, ..., ...))


@label_column.mistake("answer 3: that is the difference of the labels; a squared distance adds up squares")
def _():
    return ..., ..., 9


@label_column.mistake("answers 2 and 3: a square is never below 0")
def _():
    return ..., -1, -81


@label_column.mistake("answers 2 and 3: a square is never below 0, and the differences still need squaring")
def _():
    return ..., -1, -9


@label_column.mistake("answers 2 and 3: that is the mean of all ten labels; what is the mean label of the fives alone?")
def _():
    return ..., (4 - 4.5) ** 2, (0 - 4.5) ** 2


@label_column.mistake("answers 2 and 3: the averages keep their label column too; average the labels of all fives")
def _():
    return ..., 16, 0


@label_column.mistake("the answers are numbers: write them without quotes")
def _():
    return "785", "1", "81"


# labels out of step


@exercise(
    "1.b",
    "averages of what?",
    minutes=1,
    difficulty=1,
    hints=[
        "Take the heap of images whose label now says 3. Which digits are in it?",
        "Section 6: where all writers agree, ink piles up dark; where they differ, it smears.",
    ],
    options={
        "a": "Each heap is now a random mix of all digits, so each average is the average of everything. With about "
        "700 images to a heap, the ten mixes hardly differ.",
        "b": "That would be so if every 3 were called 8, and every 8 called 1: the heaps would stay pure under wrong "
        "names. Here each image draws its label on its own.",
        "c": "About one label in ten is right by chance, that is true. But the same heap holds about as many of each "
        "other digit; what do equal parts of all ten look like, one on top of the other?",
        "d": "In exercise 1.2 the columns changed places. Here the rows do: each image is still whole, its ink in the "
        "middle and paper at its edges.",
    },
)
def mixed_averages():
    """What the averages of each class look like when images and labels are shuffled apart."""
    return "a"
