"""How good the predictions are: one number, or a table per class. True labels come first, as everywhere.

The tables are pandas DataFrames; pandas is imported only when one is made.
"""

import numpy as np


def accuracy(y_true, y_pred):
    """The share of examples whose predicted class is the true one, 0 to 1. Built in lesson 01."""
    y_true, y_pred = _pair(y_true, y_pred)
    return float(np.mean(y_true == y_pred))


def confusion_matrix(y_true, y_pred, classes=None):
    """Counts, a row per true class and a column per predicted class: a DataFrame. Built in lesson 05.

    `classes`: names of the classes 0, 1, …; without it the numbers up to the largest label are the names.
    """
    import pandas as pd

    y_true, y_pred = _pair(y_true, y_pred)
    names = list(range(1 + max(y_true.max(), y_pred.max())) if classes is None else classes)
    for name, labels in (("y_true", y_true), ("y_pred", y_pred)):
        if labels.min() < 0 or labels.max() >= len(names):
            raise ValueError(f"{name}: expected 0 to {len(names) - 1}, got {labels.min()} to {labels.max()}")
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (y_true, y_pred), 1)
    return pd.DataFrame(counts, pd.Index(names, name="true"), pd.Index(names, name="predicted"))


def classification_report(y_true, y_pred, classes=None):
    """Precision, recall, F1 and support per class, and their plain means ("macro"): a DataFrame.

    precision = hits / predictions of the class, recall = hits / examples of the class, F1 = their harmonic mean,
    support = examples of the class. A ratio with nothing below the line is given as 0. Built in lesson 05.
    """
    import pandas as pd

    counts = confusion_matrix(y_true, y_pred, classes)
    hits, predicted, support = np.diag(counts), counts.sum(axis=0).to_numpy(), counts.sum(axis=1).to_numpy()
    columns = {
        "precision": hits / np.maximum(predicted, 1),
        "recall": hits / np.maximum(support, 1),
        "F1": 2 * hits / np.maximum(predicted + support, 1),
    }
    table = pd.DataFrame(columns, index=counts.index.rename("class"))
    table.loc["macro"] = table.mean()
    table["support"] = [*support, support.sum()]
    return table


def _pair(y_true, y_pred):
    pair = np.asarray(y_true), np.asarray(y_pred)
    for name, labels in zip(("y_true", "y_pred"), pair, strict=True):
        if labels.ndim != 1 or labels.dtype.kind not in "iu" or not labels.size:
            raise ValueError(f"{name}: expected integer labels of shape (N,), got {labels.dtype} {labels.shape}")
    if len(pair[0]) != len(pair[1]):
        raise ValueError(f"y_pred: expected {len(pair[0])} labels like y_true, got {len(pair[1])}")
    return pair
