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


def mirror(made: Tensor, made_of_mirrored: Tensor) -> Tensor:
    """E |y - flip(G(flip(x), b))|_1.  Faces (N, 3, S, S). What holds for a face holds for its mirror image: a shadow
    that falls on one side whichever way the face is turned was not in the face."""
    return F.l1_loss(made, made_of_mirrored.flip(-1))


def kept(real: Tensor, made: Tensor, may_change: Tensor) -> Tensor:
    """E (1 - w) |x - y|.  Faces (N, 3, S, S), where they may change (N, 1, S, S), 0..1: the rest stays."""
    return ((1 - may_change) * (real - made).abs()).mean()


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


def mean_error(probabilities: Tensor, ages_years: Tensor) -> Tensor:
    """1/2 E (sum_k k p_k - a)^2.  Probabilities (N, 101), ages (N,) years. Pan et al. 2018, eq. 2."""
    years = torch.arange(probabilities.shape[1], device=probabilities.device, dtype=torch.float32)
    return 0.5 * (probabilities @ years - ages_years).square().mean()


def variance(probabilities: Tensor) -> Tensor:
    """E sum_k p_k (k - sum_j j p_j)^2.  Probabilities (N, 101). Pan et al. 2018, eq. 4."""
    years = torch.arange(probabilities.shape[1], device=probabilities.device, dtype=torch.float32)
    mean = probabilities @ years
    return (probabilities * (years - mean[:, None]).square()).sum(1).mean()


def keep_sex(sex_logits: Tensor, sexes: Tensor, counted: Tensor, sure_logit: float = 3.0) -> Tensor:
    """E c softplus(-min(t s, sure)), t = +-1 for female and male, over the counted outputs.

    Where the sex is read `sure_logit` clearly there is nothing to gain: no man is made manlier for it.

    Args:
        sex_logits: (N,) as read from outputs, above 0 female.
        sexes: (N,) int64 of the labels, 0 male, 1 female.
        counted: (N,) 0 or 1.
    """
    signed = torch.where(sexes == 1, sex_logits, -sex_logits).float()
    missing = F.softplus(-signed) * (signed < sure_logit)
    return (missing * counted).sum() / counted.sum().clamp(min=1)


def identity_band(before: Tensor, after: Tensor, low: Tensor) -> Tensor:
    """E relu(low(a, b) - cos(phi(x), phi(y))): nothing while output and input are as alike as one real person's
    pictures over that gap of years.

    A full-strength identity loss buys verification by refusing to age; below the band alone it cannot.

    Args:
        before, after: (N, D) unit embeddings of inputs and outputs.
        low: (N,) lower end of the band, a cosine.
    """
    return F.relu(low - (before * after).sum(1)).mean()


CHEEKS = ((0.27, 0.53), (0.73, 0.53))
"""Centres of the cheeks on a crop in UTKFace's framing, x and y as parts of its side."""
CHEEK_SIDE = 0.12
"""Side of the patch of cheek that is looked at, as part of the crop's side."""


def cheek_colours(faces: Tensor) -> Tensor:
    """(N, 3, S, S) faces in UTKFace's framing to (N, 2, 3): mean colour of each cheek."""
    side = faces.shape[2]
    half = max(1, round(side * CHEEK_SIDE / 2))
    patches = []
    for x, y in CHEEKS:
        left, top = round(x * side), round(y * side)
        patches.append(faces[:, :, top - half : top + half, left - half : left + half].mean((2, 3)))
    return torch.stack(patches, dim=1)


def cheek_tone(real: Tensor, made: Tensor, free: float = 0.03) -> Tensor:
    """E relu(|t(x) - t(y)| - free), t the colour of the cheeks: ageing leaves the tone of the skin.

    Args:
        real, made: (N, 3, S, S), -1..1.
        free: 0.03 is about 1.5 in CIELAB, which nobody sees.
    """
    return F.relu((cheek_colours(real) - cheek_colours(made)).abs() - free).mean()


CHROMA = ((-0.169, -0.331, 0.5), (0.5, -0.419, -0.081))
"""Cb and Cr from red, green and blue (ITU-R BT.601)."""
CHROMA_CELLS = 32
"""Colour is compared over so many cells along a side: strands and pores are not specks."""


def chroma(colours: Tensor) -> Tensor:
    """(N, 3, ...) of -1..1 to (N, 2, ...): what of a colour is not its lightness; 0 for greys."""
    return torch.einsum("cr,nr...->nc...", colours.new_tensor(CHROMA), colours)


def skin_hue(real: Tensor, least_chroma: float = 0.03) -> tuple[Tensor, Tensor]:
    """The line from grey to a face's own skin, as chroma: its direction (N, 2, 1, 1), of length 1, and how far out
    along it the cheeks lie (N, 1, 1).

    Args:
        real: (N, 3, S, S), -1..1, in UTKFace's framing.
        least_chroma: cheeks with less colour than this are taken for grey ones, on which any colour is astray: their
            direction is shorter.
    """
    skin = chroma(cheek_colours(real).mean(1))[:, :, None, None]
    size = torch.linalg.vector_norm(skin, dim=1, keepdim=True)
    return skin / size.clamp(min=least_chroma), size[:, 0]


def stray_hue(real: Tensor, made: Tensor) -> Tensor:
    """How far each cell's colour moved away from the line from grey to the face's own skin.

    Skin that reddens or pales, hair that turns grey and lips that fade move along that line, more or less; a violet
    cheek or a green lip moves across it.

    Args:
        real, made: (N, 3, S, S), -1..1, S a multiple of 32, in UTKFace's framing.
    Returns:
        (N, 32, 32), 0 or more; 0.1 is a speck that everyone sees.
    """
    moved = F.avg_pool2d(chroma(made - real), real.shape[2] // CHROMA_CELLS)
    skin, _ = skin_hue(real)
    across = moved - (moved * skin).sum(1, keepdim=True) * skin
    found: Tensor = (across.square().sum(1) + 1e-12).sqrt()
    return found


def hue(real: Tensor, made: Tensor, free: float = 0.02) -> Tensor:
    """E relu(h(x, y) - free), h the stray hue of a cell: ageing leaves no specks of colour.

    Args:
        real, made: (N, 3, S, S), -1..1, S a multiple of 32.
    """
    return F.relu(stray_hue(real, made) - free).mean()


def stray_saturation(real: Tensor, made: Tensor) -> Tensor:
    """How far each cell's colour lies beyond the ends of the line from grey to the face's own skin, where the photo's
    does not: further from grey than the cheeks are, or on grey's other side.

    Skin painted over dark hair, half of it, is no skin in the shade but a glowing rim, redder than any part of the
    face; brown eyes and shadows made lighter turn blue. On that line as they are, both have no stray hue.

    Args:
        real, made: (N, 3, S, S), -1..1, S a multiple of 32, in UTKFace's framing.
    Returns:
        (N, 32, 32), 0 or more; 0.1 is a red or a blue that everyone sees.
    """
    skin, cheeks = skin_hue(real)
    cell = real.shape[2] // CHROMA_CELLS
    before, after = ((F.avg_pool2d(chroma(faces), cell) * skin).sum(1) for faces in (real, made))
    return F.relu(after - torch.maximum(before, cheeks)) + F.relu(before.clamp(max=0) - after)


def saturation(real: Tensor, made: Tensor, free: float = 0.02) -> Tensor:
    """E relu(s(x, y) - free), s the stray saturation of a cell: ageing leaves no red rims and no blue eyes.

    Args:
        real, made: (N, 3, S, S), -1..1, S a multiple of 32.
    """
    return F.relu(stray_saturation(real, made) - free).mean()


def pixel(real: Tensor, made: Tensor) -> Tensor:
    """E (x - y)^2.  Faces (N, 3, S, S). AgeTransGAN's hold on everything that need not change."""
    return F.mse_loss(made, real)


def cross_age_identity(real_identity: Tensor, made_identity: Tensor) -> Tensor:
    """E |phi(x, a) - phi(y, b)|_1.  Maps of the identity branch (N, C, R, R); the mean over all their numbers."""
    return F.l1_loss(made_identity, real_identity)


def triplet(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 0.5) -> Tensor:
    """E relu(m + d(phi(x, a), phi(x', a)) - d(phi(x, a), phi(y, b))): the way there and back ends nearer than half way.

    The published distance is not known; d is the mean absolute difference of two maps, as in `cross_age_identity`.

    Args:
        anchor, positive, negative: (N, C, R, R), phi of x, x' and y.
    """
    nearer = (anchor - positive).abs().mean((1, 2, 3))
    farther = (anchor - negative).abs().mean((1, 2, 3))
    return F.relu(margin + nearer - farther).mean()


def path_lengths(pictures: Tensor, style: Tensor, directions: Tensor) -> Tensor:
    """|J^T n|_2 for each face: how far its picture moves in a random direction as w moves, (N,).

    Args:
        pictures: (N, 3, S, S), made from `style` with the graph kept.
        style: (N, width), w, requiring gradients.
        directions: (N, 3, S, S) of N(0, 1); divided by the side here, so that size does not matter.
    """
    along = (pictures * directions).sum() / pictures.shape[2]
    (gradient,) = torch.autograd.grad(along, style, create_graph=True)
    lengths: Tensor = torch.linalg.vector_norm(gradient, dim=1)
    return lengths


def path_length(lengths: Tensor, mean_length: Tensor) -> Tensor:
    """E (|J^T n|_2 - c)^2.  Lengths (N,); c () their running mean. Karras et al. 2020, eq. 4."""
    return (lengths - mean_length).square().mean()
