"""How features are read: readouts, fitted to features and labels. Knows no networks."""

from randprop.readouts.base import NotFittedError, Readout
from randprop.readouts.centroids import Centroids
from randprop.readouts.neighbors import HammingNeighbors

__all__ = ["Centroids", "HammingNeighbors", "NotFittedError", "Readout"]
