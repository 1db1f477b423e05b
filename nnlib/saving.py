"""A network as a file: its architecture as text, its weights as one vector, and nothing that could be executed.

Sequential.save and Sequential.load are the names to use; what a file needs to know of layers is passed in from there.
"""

import inspect
import io
import json
import os
import uuid
from pathlib import Path

import numpy as np

_BIT_GENERATORS = {kind.__name__: kind for kind in np.random.BitGenerator.__subclasses__()}


def write(path, layers, theta):
    """Write under a temporary name, then move into place: whoever reads `path` finds the old file or the new one."""
    path = Path(path)
    text = json.dumps(_rows(layers), default=lambda array: array.tolist())
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, layers=np.array(text), theta=theta)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read(path, network, base):
    """The network(*layers) in a file made by `write`; its layers are subclasses of `base`. ValueError if damaged."""
    content = io.BytesIO(Path(path).read_bytes())
    try:
        with np.load(content, allow_pickle=False) as file:
            rows, theta = json.loads(str(file["layers"])), file["theta"]
        net = network(*_build(rows, _kinds(base))).astype(theta.dtype)
        net.theta = theta
    except Exception as error:  # a damaged zip can raise nearly anything
        raise ValueError(f"{path}: expected a whole file made by Sequential.save; {error}") from error
    return net


def _name(kind):
    return kind.__name__ if kind.__module__ == "nnlib.layers" else f"{kind.__module__}.{kind.__qualname__}"


def _rows(layers):
    """What a file says about each layer: class, constructor arguments, and the state of its generator if it has one.

    Of layers that share a generator the first has the state, the others the number of that layer.
    """
    rows, first = [], {}
    for i, layer in enumerate(layers):
        rows.append({"class": _name(type(layer)), **layer.config()})
        rng = getattr(layer, "rng", None)
        if isinstance(rng, np.random.Generator):
            rows[i]["rng"] = rng.bit_generator.state if first.setdefault(id(rng), i) == i else first[id(rng)]
    return rows


def _kinds(base):
    """All subclasses by name; of several with one name, as when a cell is run again, the last."""
    found = {}
    for kind in base.__subclasses__():
        found |= {_name(kind): kind} | _kinds(kind)
    return found


def _build(rows, kinds):
    """The layers that `_rows` described, with weights still to be filled in."""
    layers = []
    for row in rows:
        name, state = row.pop("class"), row.pop("rng", None)
        if name not in kinds:
            raise ValueError(f"this one needs the layer class {name}: define or import it before loading")
        if isinstance(state, int):
            row["rng"] = layers[state].rng
        elif state:
            row["rng"] = np.random.Generator(_BIT_GENERATORS[state["bit_generator"]]())
            row["rng"].bit_generator.state = state
        elif "rng" in inspect.signature(kinds[name]).parameters:  # for weights that are overwritten
            row["rng"] = np.random.default_rng(0)
        layers.append(kinds[name](**row))
    return layers
