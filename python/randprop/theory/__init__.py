r"""Theory of random step networks at infinite width, and of their accuracy at finite width.

Take two inputs. :math:`q_l(x, y)` is the normalised inner product of their outputs after matrix
:math:`l`, counted from 1, and :math:`q_0` is the cosine of the inputs themselves. Weights are
independent, symmetric about 0, and all have the same variance.

**Infinite width.** The preactivations of a unit for two inputs are jointly Gaussian with
correlation :math:`q_{l-1}`. So :math:`q_l = f(q_{l-1})`, where the map depends only on the
activation: :math:`f(c) = 1 - \arccos(c)/\pi` for the step, read as 0 and 1 (the order-0
arc-cosine kernel of Cho & Saul 2009), and :math:`f(c) = (2/\pi) \arcsin(c)` for the sign. Both maps
have one attracting fixed point :math:`c^*`. In each layer, all pairs come nearer to it by the
factor :math:`f'(c^*)` (Poole et al. 2016). A difference between two classes shrinks by this factor,
but so do all other differences. The order of the distances does not change, and so the accuracy
does not change either.

**Finite width.** An inner product over :math:`N` units has fluctuations of order
:math:`1/\sqrt N`, which do not shrink with depth. The accuracy falls when they become larger than
the differences between classes. :math:`F_{ab}` is the mean of :math:`q_l` over pairs of distinct
training samples of the classes :math:`a` and :math:`b`. :math:`F_{xa}` is the same for a test
sample :math:`x`. :math:`m_l` is the mean of :math:`F`, and :math:`P` is the projection that
subtracts the mean over classes.

A unit sees all inputs with nearly the same field :math:`t \sim N(0, m/(1-m))`. Its bit is set with
probability :math:`\Phi(t)`, and a small difference of the field changes this by :math:`\phi(t)`
times the difference. So two quantities meet in each unit. The deviation of :math:`x` from the
common mean has the variance :math:`E[\Phi(1-\Phi)] \propto 1 - m_l`. The difference of two class
means has the mean square :math:`\propto E[\phi^2] (P F P)`. Both are largest in the same units,
those with :math:`t` near 0. Therefore their product has the variance
:math:`\rho (1-m_l) (P F P) / N` with
:math:`\rho(m) = E[\phi^2 \Phi(1-\Phi)] / (E[\phi^2] E[\Phi(1-\Phi)])`.
The noise of earlier layers is a difference between inputs like any other, and each layer multiplies
it by :math:`f'(m)`. With :math:`n_a` training samples in class :math:`a`, the covariance over
classes is

.. math::

    C_l = f'(m_{l-1})^2 C_{l-1}
          + \rho(m_{l-1}) \frac{1 - m_l}{N} P [F + \mathrm{diag}((1 - F_{aa})/n_a)] P,

with :math:`C_0 = 0`. The label of :math:`x` is the class :math:`a` with the least
:math:`F_{aa} + (1 - F_{aa})/n_a - 2 (F_{xa} + \eta_a)`, where :math:`\eta \sim N(0, C_l)`.

There are two assumptions. The noise of different test samples is independent and Gaussian, and the
map :math:`f` holds for means over pairs at finite width. No number is fitted to
measurements. The module needs only NumPy.

**Few inputs.** A unit with :math:`f` inputs has :math:`\lceil f/2 \rceil` weights of +1, and the
others are -1. Its sum is not Gaussian: :math:`z` is a small integer, and the case :math:`z = 0`
matters. The result for two inputs follows from three numbers: their activities :math:`a, b` (shares
of set bits) and their overlap :math:`c` (the share of bits that are set in both). Each input of the
unit is set in both with probability :math:`c`, only in the first with :math:`a - c`, and so on,
independently. So the overlap of the outputs is a polynomial. `few_input_kernel` sums it exactly,
also for thresholds that are drawn from a range of integers.

For :math:`f = 2` the overlap is :math:`c\,(1 - a - b + c)`, and the activity is :math:`a\,(1-a)`.
The only fixed point of the activity is 0, which it approaches as :math:`1/l`. The slope of the
overlap approaches 1, so differences between classes shrink as a power of the depth. Every
:math:`f` above 2 has a fixed point, as dense weights have. The slope there is below 1: 0.75 for 3
inputs, 0.67 for 4, and :math:`2/\pi` for many. So differences shrink by a factor in each layer.
With thresholds of 0 the two activations give the same bits, because a sum of signs is twice the sum
of bits, less 1 if :math:`f` is odd.

At finite width the formula for :math:`C_l` holds with three changes. Overlaps take the place of
inner products, and the mean activity takes the place of the 1 in :math:`1 - m_l`. :math:`\rho` is
taken over units whose inputs have different rates, where the rate of a feature is the share of
samples that set it. This needs one more assumption: rates are Beta distributed over the features,
with the mean and mean square that activity and overlap give, and classes differ in a feature in
proportion to its variance :math:`p(1-p)`.

Three things do not follow from such statistics:

- The first stage on bytes. How often the order of two bytes is the same in two images is not a
  function of the cosine of the images. Begin with the bits that this stage makes.
- Calibrated thresholds. They depend on the distribution of the sums of a unit over samples.
- Convolutions and counts. For them it matters at which places samples share bits.

Dense weights with a bias are not covered. Their sums are Gaussian, but then the lengths of the
inputs matter as well as their cosines.

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
