"""Models carried elsewhere: C for microcontrollers, ONNX."""

from randprop.export._c import export_c
from randprop.export._onnx import export_onnx

__all__ = ["export_c", "export_onnx"]
