"""nnlib: the small neural network library that the course builds, lesson by lesson, in NumPy alone.

`from nnlib import Sequential, Linear, ReLU, …` for the core; `nnlib.viz` holds the pictures and needs matplotlib.
"""

from . import clinic, data, functional, gradcheck, init, layers, losses, metrics, optim, train
from .clinic import examine
from .data import Dataset, Split, batches, load_fashion_mnist, load_mnist, moons, spirals, split
from .functional import (
    log_softmax,
    one_hot,
    relu,
    relu_derivative,
    sigmoid,
    sigmoid_derivative,
    softmax,
    tanh,
    tanh_derivative,
)
from .gradcheck import GradientError, check_gradients, numeric_gradient
from .init import glorot, he, lecun, normal, uniform, zeros
from .layers import Dropout, Layer, Linear, Params, ReLU, Sequential, Sigmoid, Tanh
from .losses import binary_cross_entropy, cross_entropy, mse
from .metrics import accuracy, classification_report, confusion_matrix
from .optim import SGD, AdaGrad, Adam, Optimizer, RMSProp
from .train import Evaluation, evaluate, fit, predict, predict_proba

__version__ = "0.1.0"
