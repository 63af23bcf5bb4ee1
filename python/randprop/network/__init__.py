"""How features are made: stages, networks of them, and their outputs by depth. Knows no labels."""

from randprop.network.convolutions import Conv1D, Conv2D
from randprop.network.own_weights import apply_weights
from randprop.network.stages import Dense
from randprop.network.step_network import StepNetwork

__all__ = ["Conv1D", "Conv2D", "Dense", "StepNetwork", "apply_weights"]
