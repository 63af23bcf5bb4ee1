"""The microcontroller runtime as a shared library of this machine, and models for it."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from helpers import C_COMPILER, C_TRAPS, C_WARNINGS
from randprop import Model
from randprop.model.c_layout import CLayout
from randprop.model.c_stages import CStage

SOURCES = Path(__file__).parent.parent / "cpp" / "micro"
OK, NULL, MODEL, BUFFER, SELF_TEST = range(5)
NO_LABEL = 0xFFFF
READ = ctypes.CFUNCTYPE(ctypes.c_uint8, ctypes.c_void_p, ctypes.c_uint16)
_TYPES = {"uint8_t": ctypes.c_uint8, "uint16_t": ctypes.c_uint16, "uint32_t": ctypes.c_uint32}


class StageStruct(ctypes.Structure):
    _fields_ = tuple((name, _TYPES[ctype]) for name, ctype in CStage.types().items())


class ModelStruct(ctypes.Structure):
    _fields_ = (
        ("id", ctypes.c_uint32),
        ("seed_low", ctypes.c_uint32),
        ("seed_high", ctypes.c_uint32),
        ("n_features", ctypes.c_uint16),
        ("n_classes", ctypes.c_uint16),
        ("n_stages", ctypes.c_uint8),
        ("activation", ctypes.c_uint8),
        ("code_bits", ctypes.c_uint8),
        ("multiplier", ctypes.c_uint16),
        ("offset", ctypes.c_uint16),
        ("stages", ctypes.c_void_p),
        ("units", ctypes.c_void_p),
        ("codes", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
    )


class Expected(ctypes.Structure):
    _fields_ = (
        ("n_samples", ctypes.c_uint16),
        ("row_bytes", ctypes.c_uint16),
        ("inputs", ctypes.c_void_p),
        ("features", ctypes.c_void_p),
        ("scores", ctypes.c_void_p),
        ("labels", ctypes.c_void_p),
    )


class Stream(ctypes.Structure):
    _fields_ = (
        ("model", ctypes.c_void_p),
        ("buffer", ctypes.c_void_p),
        ("buffer_size", ctypes.c_size_t),
        ("hop", ctypes.c_uint16),
        ("at", ctypes.c_uint16),
        ("wait", ctypes.c_uint16),
    )


def build_runtime(folder: Path, *flags: str) -> Any:
    """Compile the runtime for any model; warnings are errors."""
    library = folder / "librandprop_micro.so"
    subprocess.run(
        [C_COMPILER, "-std=c99", "-O2", *C_WARNINGS, *C_TRAPS, *flags, "-fPIC", "-shared",
         str(SOURCES / "randprop_micro.c"), "-o", str(library)],
        check=True,
    )  # fmt: skip
    loaded = ctypes.CDLL(str(library))
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    model = ctypes.POINTER(ModelStruct)
    loaded.rp_buffer_size.restype = size
    loaded.rp_buffer_size.argtypes = [model]
    loaded.rp_check_model.argtypes = [model, size]
    loaded.rp_classify.argtypes = [model, READ, *[pointer] * 2, size, *[pointer] * 3]
    loaded.rp_classify_bytes.argtypes = [model, *[pointer] * 2, size, *[pointer] * 3]
    loaded.rp_start.argtypes = [pointer, model, ctypes.c_uint16, pointer, size]
    loaded.rp_push.argtypes = [pointer] * 4
    loaded.rp_self_test.argtypes = [model, pointer, pointer, size, pointer, pointer]
    return loaded


class DeviceModel:
    """A model as the runtime takes it, with the tables that it points into."""

    def __init__(self, model: Model, units: str = "auto") -> None:
        quantized: Any = model.readout
        layout = CLayout(model, quantized, units)
        self.layout, self.quantized, self.network = layout, quantized, model.network
        self.stages = (StageStruct * len(layout.stages))(
            *(StageStruct(*vars(stage).values()) for stage in layout.stages)
        )
        self.units = np.concatenate([layout.units, [np.uint8(0)]])
        self.codes = np.ascontiguousarray(layout.codes)
        self.bias = quantized.bias_.astype(np.int32)
        scalars = [value for _, value in layout.scalars.values()]
        self.struct = ModelStruct(
            0, *scalars, ctypes.addressof(self.stages), self.units.ctypes.data,
            self.codes.ctypes.data, self.bias.ctypes.data,
        )  # fmt: skip

    def expected(self, X: Any) -> tuple[Any, Any, Any]:
        """Return features as the device lays them out, scores and labels of the library."""
        outputs = self.network.propagate(X)
        scores = self.quantized.decision_function(outputs)
        return self.layout.test_features(outputs), scores, scores.argmax(axis=1)


class Guarded:
    """A buffer between bytes that must stay as they are, at any alignment."""

    def __init__(self, size: int, shift: int = 0, *, fill: int = 0xA5, margin: int = 64) -> None:
        self.array = np.full(size + 2 * margin + 8, fill, dtype=np.uint8)
        self.size, self.start, self.fill = size, margin + shift, fill
        self.pointer = self.array.ctypes.data + self.start

    def check(self) -> None:
        assert (self.array[: self.start] == self.fill).all()
        assert (self.array[self.start + self.size :] == self.fill).all()

    def held(self) -> Any:
        return self.array[self.start : self.start + self.size]
