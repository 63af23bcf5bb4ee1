"""Student's t: how wide an interval of confidence is."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

__all__ = ["student_half_width"]


@lru_cache(maxsize=256)
def student_half_width(freedom: int, share: float = 0.95) -> float:
    """Return the t that Student's distribution exceeds, on both sides, but for this share.

    Of whole degrees of freedom the share within t is a finite sum in the angle of t, which is
    halved down to its last digit.

    References
    ----------
    Abramowitz & Stegun (1964), "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
    """
    # The factor of each term over the one before it, without the square of the cosine.
    first = 1 if freedom % 2 == 0 else 2
    steps = np.arange(first, freedom - 2, 2, dtype=np.float64)
    steps /= steps + 1.0

    def within(angle: float) -> float:
        terms = np.cumprod(steps * math.cos(angle) ** 2)
        total = math.sin(angle) * (1.0 + float(terms.sum()))
        if freedom % 2 == 0:
            return total
        if freedom == 1:
            return 2.0 * angle / math.pi
        return 2.0 * (angle + math.cos(angle) * total) / math.pi

    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) < share else (low, middle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)
