r"""Theory of random step networks: the limit of infinite width, and finite width.

Let :math:`q_l(x, y)` be the normalised inner product of the outputs of matrix :math:`l` for two
inputs. Matrices are counted from 1 here, and :math:`q_0` is the cosine of the inputs. Weights are
independent and symmetric about 0, all with the same variance.

**Infinite width.** The preactivations of a unit for two inputs are jointly Gaussian with
correlation :math:`q_{l-1}`. So :math:`q_l = f(q_{l-1})`, and the map :math:`f` depends only on the
activation. For the step, read as 0 and 1, it is :math:`f(c) = 1 - \arccos(c)/\pi` (the order-0
arc-cosine kernel of Cho & Saul 2009). For the sign it is :math:`f(c) = (2/\pi) \arcsin(c)`. Both
have one attracting fixed point :math:`c^*`. All pairs approach it by the factor :math:`f'(c^*)` per
layer (Poole et al. 2016). The differences between classes shrink by this factor, which is the same
for all pairs. So the order of the distances stays the same, and the accuracy too.

**Finite width.** An inner product over :math:`N` units has fluctuations of order
:math:`1/\sqrt N`, which do not shrink with depth. The accuracy falls when they are larger than the
differences between classes. Let :math:`F_{ab}` be the mean of :math:`q_l` over pairs of distinct
training samples of the classes :math:`a` and :math:`b`, and :math:`F_{xa}` the same for a test
sample :math:`x`. Let :math:`m_l` be the mean of :math:`F`, and :math:`P` the projection that
subtracts the mean over classes. For a unit, all inputs have nearly one common field
:math:`t \sim N(0, m/(1-m))`. The unit is set with probability :math:`\Phi(t)`, and a small
difference of the field changes this probability by :math:`\phi(t)` times the difference. So the
deviation of :math:`x` from the common mean has the variance
:math:`E[\Phi(1-\Phi)] \propto 1 - m_l` per unit, and the difference of two class means has the mean
square :math:`\propto E[\phi^2] (P F P)`. Both are largest in the same units, where :math:`t` is
near 0. Their product has the variance :math:`\rho (1-m_l) (P F P) / N` with
:math:`\rho(m) = E[\phi^2 \Phi(1-\Phi)] / (E[\phi^2] E[\Phi(1-\Phi)])`.
A layer treats the noise of earlier layers like any other difference of its inputs, and multiplies
it by :math:`f'(m)`. With :math:`n_a` training samples in class :math:`a`, the covariance over
classes is therefore

.. math::

    C_l = f'(m_{l-1})^2 C_{l-1}
          + \rho(m_{l-1}) \frac{1 - m_l}{N} P [F + \mathrm{diag}((1 - F_{aa})/n_a)] P,

with :math:`C_0 = 0`. The label of :math:`x` is the class :math:`a` with the smallest
:math:`F_{aa} + (1 - F_{aa})/n_a - 2 (F_{xa} + \eta_a)`, :math:`\eta \sim N(0, C_l)`.

Assumptions: the noise of different test samples is independent and Gaussian, and the kernel map
holds for means over pairs at finite width. No parameter is fitted. The module needs only NumPy.

**Few inputs.** A unit has :math:`f` inputs, :math:`\lceil f/2 \rceil` with weight +1 and the others
with -1. Its sum :math:`z` is not Gaussian but a small integer, and the case :math:`z = 0` counts.
The effect of the unit on two inputs follows from three numbers: their activities :math:`a, b`
(shares of set bits) and their overlap :math:`c` (the share of bits set in both). Independently,
each of its inputs is set in both with probability :math:`c`, only in the first with :math:`a - c`,
and so on. So the overlap of the outputs is a polynomial, which `few_input_kernel` sums exactly,
also for thresholds drawn from a range of integers. For :math:`f = 2` the overlap is
:math:`c\,(1 - a - b + c)`, and the activity is :math:`a\,(1-a)`. This activity has only the fixed
point 0, and approaches it as :math:`1/l`. The slope of the overlap approaches 1, so differences
between classes shrink as a power of the depth. For every :math:`f` above 2 there is a fixed point,
as for dense weights, with a slope below 1: 0.75 for 3 inputs, 0.67 for 4 and :math:`2/\pi` for
many. So differences shrink by a factor per layer. For thresholds of 0 the two activations give the
same bits, because a sum of signs is twice the sum of bits, minus 1 if :math:`f` is odd.

At finite width the formula for :math:`C_l` is the same, with two changes. Inner products become
overlaps, and the 1 of :math:`1 - m_l` becomes the mean activity. :math:`\rho` is taken over units
whose inputs have different rates. This needs one more assumption: over the features, the share
:math:`p` of samples that set a feature is Beta distributed, with activity and overlap as mean and
mean square, and the difference of classes in a feature is in proportion to its variance
:math:`p(1-p)`.

The theory does not cover what such statistics cannot tell. A first stage on bytes depends on the
order of two bytes in an image, and the cosine does not say how often two images have the same order
(start from the output bits of that stage). Calibrated thresholds depend on the distribution of each
unit's sums over samples. Convolutions and counts depend on the places where samples share bits.
Dense weights with a bias have Gaussian sums, but they depend on the lengths of the inputs too, and
not only on their cosines.

References
----------
Cho & Saul (2009), "Kernel methods for deep learning", NIPS 22. Poole et al. (2016), "Exponential
expressivity in deep neural networks through transient chaos", NIPS 29, arXiv:1606.05340. Itoh
(2024), arXiv:2409.03760.
"""

from randprop.theory.cosines import CosineStatistics, cosine_statistics
from randprop.theory.few_inputs import few_input_activity, few_input_kernel
from randprop.theory.kernels import depth_scale, fixed_point, iterate, kernel, noise_overlap, slope
from randprop.theory.overlaps import OverlapStatistics, overlap_statistics
from randprop.theory.prediction import Prediction, half_depth, predict, width_for

__all__ = [
    "CosineStatistics", "OverlapStatistics", "Prediction", "cosine_statistics", "depth_scale",
    "few_input_activity", "few_input_kernel", "fixed_point", "half_depth", "iterate", "kernel",
    "noise_overlap", "overlap_statistics", "predict", "slope", "width_for",
]  # fmt: skip
