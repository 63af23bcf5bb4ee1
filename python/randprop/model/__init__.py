"""Scaling, network and readout as one thing, kept in files and carried elsewhere."""

from randprop.model.model import Model

__all__ = ["Model"]
