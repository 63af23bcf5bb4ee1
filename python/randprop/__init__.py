"""Random neural networks that are never trained, one bit an activation.

A network is a chain of fixed random matrices, each followed by a step. Class means of its output
bits classify samples, although the network was never trained (Itoh 2024, arXiv:2409.03760).

>>> import randprop
>>> result = randprop.evaluate(layers=0)
>>> 0.80 < result.accuracy < 0.84
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# Before the compiled module: NumPy refuses to load in a second interpreter of a process, with an
# ImportError; the module would wait there for ever under Python 3.11.
import numpy  # noqa: F401

try:
    import randprop._core as _core
except ImportError as error:
    raise ImportError(
        "the compiled module randprop._core cannot be imported; install the package "
        "(`pip install .` in its source folder) rather than importing it from the sources"
    ) from error

from randprop._extras import is_there
from randprop.bits import BitMatrix
from randprop.config import show_config
from randprop.network import Conv1D, Conv2D, Dense, StepNetwork, apply_weights
from randprop.readouts import Centroids, HammingNeighbors

if TYPE_CHECKING:
    from randprop import datasets, reference, show, theory
    from randprop._warnings import RandpropDataWarning
    from randprop.estimators.step_classifier import StepClassifier
    from randprop.estimators.step_regressor import StepRegressor
    from randprop.estimators.step_transformer import StepTransformer
    from randprop.loading import load
    from randprop.measure.evaluate import evaluate
    from randprop.measure.parallel import bit_chunks, evaluate_parallel, fit_parallel
    from randprop.measure.results import Evaluation, Evaluations
    from randprop.measure.sweep import sweep
    from randprop.measure.sweep_result import SweepResult
    from randprop.model.export_c import export_c
    from randprop.model.export_onnx import export_onnx
    from randprop.model.files import save
    from randprop.model.fixed_scaling import BinaryScaling, LinearScaling
    from randprop.model.model import Model
    from randprop.model.scaling import Scaling, to_bytes
    from randprop.readouts.discriminant import DiscriminantReadout
    from randprop.readouts.quantized import QuantizedReadout
    from randprop.readouts.ridge import RidgeReadout

__version__: str = _core.__version__

# Loaded when first used: name -> module that defines it, or the module itself.
_LAZY = {
    name: f"randprop.{module}"
    for module, names in {
        "_warnings": ["RandpropDataWarning"],
        "datasets": ["datasets"],
        "estimators.step_classifier": ["StepClassifier"],
        "estimators.step_regressor": ["StepRegressor"],
        "estimators.step_transformer": ["StepTransformer"],
        "loading": ["load"],
        "measure.evaluate": ["evaluate"],
        "measure.parallel": ["bit_chunks", "evaluate_parallel", "fit_parallel"],
        "measure.results": ["Evaluation", "Evaluations"],
        "measure.sweep": ["sweep"],
        "measure.sweep_result": ["SweepResult"],
        "model.export_c": ["export_c"],
        "model.export_onnx": ["export_onnx"],
        "model.files": ["save"],
        "model.model": ["Model"],
        "model.fixed_scaling": ["BinaryScaling", "LinearScaling"],
        "model.scaling": ["Scaling", "to_bytes"],
        "readouts.discriminant": ["DiscriminantReadout"],
        "readouts.quantized": ["QuantizedReadout"],
        "readouts.ridge": ["RidgeReadout"],
        "reference": ["reference"],
        "show": ["show"],
        "theory": ["theory"],
    }.items()
    for name in names
}

__all__ = [
    "BinaryScaling", "BitMatrix", "Centroids", "Conv1D", "Conv2D", "Dense",
    "DiscriminantReadout", "Evaluation", "Evaluations", "HammingNeighbors", "LinearScaling",
    "Model", "QuantizedReadout", "RandpropDataWarning", "RidgeReadout", "Scaling",
    "StepClassifier", "StepNetwork", "StepRegressor", "StepTransformer", "SweepResult",
    "__version__", "apply_weights", "bit_chunks", "datasets", "evaluate", "evaluate_parallel",
    "export_c", "export_onnx", "fit_parallel", "load", "reference", "save", "show",
    "show_config", "sweep", "theory", "to_bytes",
]  # fmt: skip

# What needs more than NumPy. `from randprop import *` leaves it out where its package is not there;
# asked for by name it says which one that is.
for _package, _names in {
    "numba": ["reference"], "sklearn": ["StepClassifier", "StepRegressor", "StepTransformer"],
}.items():  # fmt: skip
    if not is_there(_package):
        __all__[:] = [name for name in __all__ if name not in _names]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'randprop' has no attribute {name!r}")
    module = importlib.import_module(_LAZY[name])
    value = getattr(module, name, module)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
