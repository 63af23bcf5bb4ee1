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

References
----------
Cho & Saul (2009), "Kernel methods for deep learning", NIPS 22. Poole et al. (2016), "Exponential
expressivity in deep neural networks through transient chaos", NIPS 29, arXiv:1606.05340. Itoh
(2024), arXiv:2409.03760.
"""

from randprop.theory.cosines import CosineStatistics, cosine_statistics
from randprop.theory.kernels import depth_scale, fixed_point, iterate, kernel, noise_overlap, slope
from randprop.theory.prediction import Prediction, half_depth, predict

__all__ = [
    "CosineStatistics", "Prediction", "cosine_statistics", "depth_scale", "fixed_point",
    "half_depth", "iterate", "kernel", "noise_overlap", "predict", "slope",
]  # fmt: skip
