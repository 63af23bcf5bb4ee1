"""Pictures of what happens inside a network: bits stage by stage, weights, means, scores.

They need matplotlib: ``pip install 'randprop[plot]'``. It is imported when the first picture is
drawn. Every function takes arrays, or objects that hold them, and returns the figure or the axes.
"""

from __future__ import annotations

from randprop.show.curves import depth
from randprop.show.inside import bits, flips, weights
from randprop.show.read import class_means, confusion, scores

__all__ = ["bits", "class_means", "confusion", "depth", "flips", "scores", "weights"]
