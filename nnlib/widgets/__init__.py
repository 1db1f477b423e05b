"""Widgets that step through training, forwards and backwards. Each shows itself as the last line of a cell.

A widget is a plain object: its methods do what its buttons do, `snapshot()` is a picture of it, `describe()` says the
same in words. It comes alive where anywidget is installed; elsewhere the picture stands in for it.
"""

from .base import Prediction, Widget
from .descent import DescentExplorer
from .draw import DrawDigit
from .initialisers import InitExplorer
from .mistakes import MistakeBrowser
from .neuron import NeuronPlayground
from .slope import SlopeExplorer
from .softmax import SoftmaxExplorer
from .stepper import TrainingStepper
