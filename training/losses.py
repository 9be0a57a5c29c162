"""The objective, one pure function a term, each with its equation.

x: a real face of age a; b: a target age; y = G(x, b); x' = G(y, a); D: realness; C: age logits.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def adversarial_discriminator(real_score: Tensor, made_score: Tensor) -> Tensor:
    """E softplus(-D(x, a)) + E softplus(D(y, b)).  Scores (N,). Goodfellow et al. 2014, non-saturating."""
    return F.softplus(-real_score).mean() + F.softplus(made_score).mean()


def adversarial_generator(made_score: Tensor) -> Tensor:
    """E softplus(-D(y, b)).  Scores (N,)."""
    return F.softplus(-made_score).mean()


def age_classification(age_logits: Tensor, soft_code: Tensor) -> Tensor:
    """-E sum_g c_g log softmax(C)_g.  Logits (N, groups), soft code (N, groups) with rows that sum to 1."""
    return F.cross_entropy(age_logits, soft_code)


def own_age(real: Tensor, made: Tensor, gap_groups: Tensor) -> Tensor:
    """E exp(-|b - a|) |x - y|_1.  Faces (N, 3, S, S); gap (N,) in groups: full at the own age, then fading."""
    return ((real - made).abs().mean((1, 2, 3)) * torch.exp(-gap_groups)).mean()


def cycle(real: Tensor, returned: Tensor) -> Tensor:
    """E |x - x'|_1.  Faces (N, 3, S, S)."""
    return F.l1_loss(returned, real)


def mask_sparsity(mask: Tensor) -> Tensor:
    """E m.  Mask (N, 1, S, S), 0..1."""
    return mask.mean()


def present_age(age_logits: Tensor, ages_years: Tensor, spread_years: float = 2.5) -> Tensor:
    """-E sum_k q_k log p_k, q the Gaussian of `spread_years` about the year: the label's, or the target of outputs.

    Logits (N, 101) over whole years; ages (N,) years. The spread is about what labels of the same face
    differ by, so that a year's miss costs little and twenty years' much (Gao et al. 2017, DLDL).
    """
    years = torch.arange(age_logits.shape[1], device=age_logits.device, dtype=torch.float32)
    target = torch.softmax(-((years - ages_years[:, None]) ** 2) / (2 * spread_years**2), dim=1)
    return F.cross_entropy(age_logits, target)


def r1(real_score: Tensor, real: Tensor) -> Tensor:
    """1/2 E |grad_x D(x, a)|^2.  `real` must require gradients. Mescheder et al. 2018, eq. 9."""
    (gradient,) = torch.autograd.grad(real_score.sum(), real, create_graph=True)
    return 0.5 * gradient.square().sum((1, 2, 3)).mean()
