"""Pictures of what happens inside a network: bits stage by stage, weights, means, scores.

They need matplotlib, ``pip install 'randprop[plot]'``, which is imported when the first is drawn.
Every function takes arrays or what holds them, and returns the figure or the axes it drew on.
"""

from __future__ import annotations

from randprop.show.curves import depth
from randprop.show.inside import bits, flips, weights
from randprop.show.read import class_means, confusion, scores

__all__ = ["bits", "class_means", "confusion", "depth", "flips", "scores", "weights"]
