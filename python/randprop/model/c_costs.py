"""What a model costs on microcontrollers, told in a README by figures that were measured."""

from __future__ import annotations

from randprop.model.c_layout import CLayout

__all__ = ["told_costs"]


def told_costs(layout: CLayout) -> str:
    """Return words about code, stack and time."""
    return ""
