"""Models carried elsewhere: C for microcontrollers."""

from randprop.export._c import export_c

__all__ = ["export_c"]
