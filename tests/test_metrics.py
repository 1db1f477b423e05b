"""Accuracy, confusion matrix and report against tables counted by hand."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlib import accuracy, classification_report, confusion_matrix

# Ten animals. True: 4 cats, 3 dogs, 3 owls. Nothing is called an owl but one cat and one owl.
CLASSES = ("cat", "dog", "owl")
TRUE = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
CALLED = [0, 0, 1, 2, 1, 1, 1, 2, 1, 0]
COUNTED = [  # rows: true, columns: called
    [2, 1, 1],
    [0, 3, 0],
    [1, 1, 1],
]
LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


def test_accuracy_is_the_share_of_hits():
    assert accuracy(TRUE, CALLED) == 0.6
    assert type(accuracy(TRUE, CALLED)) is float
    assert accuracy([3], [3]) == 1
    assert accuracy(np.array([1, 2], np.uint8), np.array([2, 1], np.int64)) == 0


def test_confusion_matrix_counted_by_hand():
    table = confusion_matrix(TRUE, CALLED, CLASSES)
    assert table.to_numpy().tolist() == COUNTED
    assert table.loc["cat", "owl"] == 1
    assert table.loc["owl", "cat"] == 1
    assert table.loc["cat", "dog"] == 1
    assert table.loc["dog", "cat"] == 0  # rows are the true classes
    assert (table.index.name, table.columns.name) == ("true", "predicted")
    assert list(table.index) == list(table.columns) == list(CLASSES)
    assert set(table.dtypes) == {np.dtype(np.int64)}


def test_report_counted_by_hand():
    """cat: called 3 times, 2 rightly, of 4. dog: 5, 3, of 3. owl: 2, 1, of 3."""
    expected = pd.DataFrame(
        {
            "precision": [2 / 3, 3 / 5, 1 / 2, (2 / 3 + 3 / 5 + 1 / 2) / 3],
            "recall": [2 / 4, 3 / 3, 1 / 3, (2 / 4 + 1 + 1 / 3) / 3],
            "F1": [4 / 7, 6 / 8, 2 / 5, (4 / 7 + 6 / 8 + 2 / 5) / 3],
            "support": [4, 3, 3, 10],
        },
        index=pd.Index([*CLASSES, "macro"], name="class"),
    )
    table = classification_report(TRUE, CALLED, CLASSES)
    pd.testing.assert_frame_equal(table, expected)
    assert table["support"].dtype == np.int64


def test_f1_is_the_harmonic_mean():
    table = classification_report(TRUE, CALLED, CLASSES).iloc[:-1]
    p, r = table["precision"], table["recall"]
    np.testing.assert_allclose(table["F1"], 2 * p * r / (p + r), rtol=1e-15)


def test_class_that_is_never_called_or_never_there_gets_zeros_and_no_warning():
    table = classification_report([0, 0, 1, 1], [0, 0, 0, 2], classes=range(4))
    assert table.loc[1].tolist() == [0, 0, 0, 2]  # there, never called
    assert table.loc[2].tolist() == [0, 0, 0, 0]  # called, never there
    assert table.loc[3].tolist() == [0, 0, 0, 0]  # neither
    assert table.loc[0].tolist() == pytest.approx([2 / 3, 1, 4 / 5, 2])
    assert table.loc["macro"].tolist() == pytest.approx([2 / 12, 1 / 4, 1 / 5, 4])


def test_always_saying_zero_does_not_look_good():
    y = np.repeat(np.arange(10), 5)
    table = classification_report(y, np.zeros_like(y))
    assert accuracy(y, np.zeros_like(y)) == 0.1
    assert table.loc[0].tolist() == pytest.approx([0.1, 1, 2 / 11, 5])
    assert table.loc["macro", "F1"] == pytest.approx(2 / 110)


def test_swapped_arguments_swap_precision_and_recall():
    """A published report has them swapped; its "support" then counts predictions, which gives it away."""
    right, swapped = classification_report(TRUE, CALLED, CLASSES), classification_report(CALLED, TRUE, CLASSES)
    assert right["precision"].tolist() == swapped["recall"].tolist()
    assert right["recall"].tolist() == swapped["precision"].tolist()
    assert right["precision"].tolist() != right["recall"].tolist()
    np.testing.assert_allclose(right["F1"], swapped["F1"])
    assert right["support"].tolist() == [*np.bincount(TRUE), 10]
    assert swapped["support"].tolist() == [*np.bincount(CALLED), 10]
    assert accuracy(TRUE, CALLED) == accuracy(CALLED, TRUE)
    transposed = confusion_matrix(CALLED, TRUE, CLASSES).to_numpy().T
    np.testing.assert_array_equal(transposed, confusion_matrix(TRUE, CALLED, CLASSES))


@settings(deadline=None)
@given(LABELS)
def test_the_tables_agree_with_each_other(pairs):
    y, called = np.array(pairs).T
    table, report = confusion_matrix(y, called, range(5)), classification_report(y, called, range(5))
    for true in range(5):
        for guess in range(5):
            assert table.loc[true, guess] == sum(pair == (true, guess) for pair in pairs)
    assert np.trace(table) / len(y) == pytest.approx(accuracy(y, called))
    assert report["support"].tolist() == [*np.bincount(y, minlength=5), len(y)]
    # the accuracy can be had from the report alone
    assert (report["recall"] * report["support"]).iloc[:-1].sum() / len(y) == pytest.approx(accuracy(y, called))


def test_without_names_the_labels_are_the_names():
    table = confusion_matrix([0, 2], [3, 2])
    assert list(table.index) == list(table.columns) == [0, 1, 2, 3]
    assert table.loc[0, 3] == table.loc[2, 2] == 1
    assert list(classification_report([0, 2], [3, 2]).index) == [0, 1, 2, 3, "macro"]


@pytest.mark.parametrize("function", [accuracy, confusion_matrix, classification_report])
@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([0, 1, 2], [0, 1], "y_pred: expected 3 labels like y_true, got 2"),
        ([[1, 0], [0, 1]], [0, 1], "y_true: expected integer labels of shape (N,), got int64 (2, 2)"),
        ([0, 1], [[1, 0], [0, 1]], "y_pred: expected integer labels of shape (N,), got int64 (2, 2)"),
        ([0, 1], [0.0, 1.0], "y_pred: expected integer labels of shape (N,), got float64 (2,)"),
        ([True, False], [0, 1], "y_true: expected integer labels of shape (N,), got bool (2,)"),
        (["a"], [0], "y_true: expected integer labels of shape (N,), got <U1 (1,)"),
        ([], [], "y_true: expected integer labels of shape (N,), got float64 (0,)"),
        (1, 1, "y_true: expected integer labels of shape (N,), got int64 ()"),
    ],
)
def test_what_are_no_labels_is_refused(function, y_true, y_pred, message):
    """Comparing (N, C) with (N,) would broadcast to a number that means nothing."""
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        function(np.array(y_true), np.array(y_pred))


@pytest.mark.parametrize("function", [confusion_matrix, classification_report])
@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([0, 3], [0, 1], "y_true: expected 0 to 2, got 0 to 3"),
        ([0, 1], [1, 7], "y_pred: expected 0 to 2, got 1 to 7"),
        ([0, 1], [-1, 0], "y_pred: expected 0 to 2, got -1 to 0"),
    ],
)
def test_label_without_a_class_is_refused(function, y_true, y_pred, message):
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        function(y_true, y_pred, CLASSES)
