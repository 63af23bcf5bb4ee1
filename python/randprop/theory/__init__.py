r"""What a random step network does in the limit of infinite width, and near it.

Write :math:`q_l(x, y)` for the normalised inner product of the outputs behind matrix :math:`l` for
two inputs, counted from 1, and :math:`q_0` for the cosine of the inputs themselves. Weights are
independent, symmetric about 0, of one variance.

**Infinite width.** The preactivations of a unit for two inputs are then jointly Gaussian with
correlation :math:`q_{l-1}`, so that :math:`q_l = f(q_{l-1})` with a map that depends on the
activation alone: :math:`f(c) = 1 - \arccos(c)/\pi` for the step, read as 0 and 1 (the order-0
arc-cosine kernel of Cho & Saul 2009), and :math:`f(c) = (2/\pi) \arcsin(c)` for the sign. Both have
one attracting fixed point :math:`c^*`, which all pairs approach by the factor :math:`f'(c^*)` a
layer (Poole et al. 2016): whatever tells two classes apart shrinks by that factor, but by the same
factor for all pairs, so that the order of the distances, and with it the accuracy, stays.

**Finite width.** An inner product of :math:`N` units has fluctuations of order
:math:`1/\sqrt N` that do not shrink with the depth. The accuracy falls where they bury the
differences between classes. Let :math:`F_{ab}` be the mean of :math:`q_l` over pairs of distinct
training samples of the classes :math:`a` and :math:`b`, :math:`F_{xa}` the same for a test sample
:math:`x`, :math:`m_l` the mean of :math:`F` and :math:`P` the projection that subtracts the mean
over classes. A unit that sees all inputs with nearly one common field :math:`t \sim N(0, m/(1-m))`
is set with probability :math:`\Phi(t)` and moves by :math:`\phi(t)` times a small difference of the
field. Hence the deviation of :math:`x` from the common mean, of variance
:math:`E[\Phi(1-\Phi)] \propto 1 - m_l` a unit, meets the difference of two class means, of mean
square :math:`\propto E[\phi^2] (P F P)`, and since both are largest in the same units, where
:math:`t` is near 0, their product has the variance
:math:`\rho (1-m_l) (P F P) / N` with
:math:`\rho(m) = E[\phi^2 \Phi(1-\Phi)] / (E[\phi^2] E[\Phi(1-\Phi)])`.
The noise of the layers before is a difference of the inputs like any other and is carried on by the
factor :math:`f'(m)`. With :math:`n_a` training samples in class :math:`a` the covariance over
classes is therefore

.. math::

    C_l = f'(m_{l-1})^2 C_{l-1}
          + \rho(m_{l-1}) \frac{1 - m_l}{N} P [F + \mathrm{diag}((1 - F_{aa})/n_a)] P,

from :math:`C_0 = 0`, and the label of :math:`x` is the class :math:`a` with the least
:math:`F_{aa} + (1 - F_{aa})/n_a - 2 (F_{xa} + \eta_a)`, :math:`\eta \sim N(0, C_l)`.

Assumed: noise of different test samples is independent and Gaussian, and the kernel map holds for
means over pairs at finite width. Nothing is fitted. Needs NumPy and SciPy alone.

**Few inputs.** A unit with :math:`f` inputs, :math:`\lceil f/2 \rceil` of weight +1 and the others
of -1, has no Gaussian sum: its :math:`z` is a small integer, and the ties :math:`z = 0` count. What
it does to two inputs follows from three numbers, their activities :math:`a, b` (shares of set bits)
and their overlap :math:`c` (the share that both have set): each of its inputs is set for both with
probability :math:`c`, for the first alone with :math:`a - c`, and so on, independently, so that the
overlap behind it is a polynomial, summed exactly by `few_input_kernel`, for thresholds drawn from a
range of integers too. For :math:`f = 2` it is :math:`c\,(1 - a - b + c)`, and the activity
:math:`a\,(1-a)`. The latter has no fixed point but 0, which it approaches as :math:`1/l`; the slope
of the former approaches 1: differences between classes shrink as a power of the depth. Every
:math:`f` above 2 has a fixed point, as dense weights have, and a slope below 1 there, 0.75 for 3
inputs, 0.67 for 4 and :math:`2/\pi` for many, so that they shrink by a factor a layer. For
thresholds 0 the two activations give the same bits, for a sum of signs is twice that of bits, less
1 where :math:`f` is odd.

At finite width the formula for :math:`C_l` stays, with overlaps for inner products, the mean
activity for the 1 of :math:`1 - m_l`, and :math:`\rho` taken over units whose inputs have their own
rates: the share of samples that set a feature is taken to be Beta distributed over the features,
of the mean and mean square that activity and overlap are, and classes to differ in a feature in
proportion to its variance :math:`p(1-p)`. That is the one assumption more.

Not to be had from such statistics: the first stage on bytes, since how often two bytes of an image
stand in the same order as those of another is no function of their cosine (start from the bits that
it makes); calibrated thresholds, which follow from how one unit's sums are distributed over
samples; convolutions and counts, for which it matters where samples share bits. Dense weights with
a bias are left out: their sums are Gaussian, but then the lengths of the inputs count besides their
cosines.

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
