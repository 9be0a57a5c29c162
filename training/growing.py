"""Larger networks that begin as a smaller trained one: training at the new size goes on instead of starting over.

Two ways to a larger picture, of the same depth of features:

    larger fold   each position of the feature maps stands for more pixels; the maps keep their size.
                  The new stem is the old one on pixels averaged to the old size:                    exact.
                  The new head's change is the old change, upsampled: exact but for what its 3x3 kernel cannot
                  reach of the neighbouring positions (there the nearest it reaches stands in).
    finer scale   a scale with twice the side in front, fresh where it adds to the old.
                  What it hands to the old scales is the old stem on pixels averaged to its own grid: exact but for
                  the last row and column of that stem's reach (guessed from the two before).
                  The change is that of the old head averaged over each fold, interpolated: without its finest detail.

Deeper weights are copied unchanged. The discriminator gets halvings in front that hand the averaged picture on: its
judgement of a large picture is exactly the old one's of the averaged picture, as long as the side doubles.

Leaky ReLUs are passed by pairs: with l the leaky ReLU of slope 0.2,   l(v) - l(-v) = 1.2 v.
Source of the idea: function-preserving growth, Chen et al. 2016 (Net2Net).
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from core.discriminator import Discriminator, DiscriminatorConfig
from core.generator import Generator, GeneratorConfig, ModulatedConv

PAIR_GAIN = 1.2
"""l(v) - l(-v) = 1.2 v."""
NUM_COLOURS = 3
SHIFTS = (-1, 1)
"""Neighbours of a position that the new stem hands on, each way."""
NUM_PIXEL_CHANNELS = 2 * NUM_COLOURS * len(SHIFTS) ** 2
"""Channels of a new finest scale that carry pixels to the old scales: colours and neighbours, in pairs."""
NUM_FIELD_CHANNELS = 8
"""Those that carry the old change and mask to the new head, in pairs."""
EXTRAPOLATION = 0.3
"""How far a pixel out of reach is taken to go on from its neighbours' slope; measured: the least error on faces."""
LEAST_CHANNELS = NUM_PIXEL_CHANNELS + NUM_FIELD_CHANNELS


def grown_shapes(groups: str = "10") -> dict[int, tuple[GeneratorConfig, DiscriminatorConfig]]:
    """Shapes by size that go on from utk128-*: 128 to 192, 128 to 256, 256 (or 128) to 512, 512 to 1024."""
    small, judge = GeneratorConfig(groups=groups), DiscriminatorConfig(groups=groups)
    finer = replace(
        small,
        size_px=512,
        fold=4,
        channels=(LEAST_CHANNELS, *small.channels),
        encoder_blocks=(0, *small.encoder_blocks),
        decoder_blocks=(0, *small.decoder_blocks),
    )
    return {
        192: (replace(small, size_px=192, fold=3), replace(judge, size_px=192)),
        256: (replace(small, size_px=256, fold=4), _halved_before(judge, 256, 24)),
        512: (finer, _halved_before(judge, 512, 16, 24)),
        1024: (replace(finer, size_px=1024, fold=8), _halved_before(judge, 1024, 8, 16, 24)),
    }


def _halved_before(judge: DiscriminatorConfig, size_px: int, *channels: int) -> DiscriminatorConfig:
    blocks = (0,) * len(channels) + judge.blocks
    return replace(judge, size_px=size_px, channels=channels + judge.channels, blocks=blocks)


def grow_generator(generator: Generator, config: GeneratorConfig) -> Generator:
    """A generator of the larger shape that makes nearly the changes of the given one; see the module's text.

    The new one is on the CPU. Fresh weights come from torch's own random numbers.

    Raises:
        ValueError: the shape is no growth of the old one by a larger fold or one finer scale, or the old one has
            detail_gains.
    """
    if generator.config.detail_gains:
        raise ValueError("a generator with detail_gains does not grow; start from the smaller one it came from")
    num_finer = _num_finer(generator.config, config)
    grown = Generator(config)
    with torch.no_grad():
        if num_finer:
            _copy(generator.encoder.blocks, grown.encoder.blocks[1:])
            _copy(generator.encoder.downs, grown.encoder.downs[1:])
            _copy(generator.decoder.blocks, grown.decoder.blocks[1:])
            _copy(generator.decoder.ups, grown.decoder.ups[1:])
            _front_of_encoder(generator, grown)
            _front_of_decoder(generator, grown)
        else:
            _copy(generator.encoder.blocks, grown.encoder.blocks)
            _copy(generator.encoder.downs, grown.encoder.downs)
            _copy(generator.decoder.blocks, grown.decoder.blocks)
            _copy(generator.decoder.ups, grown.decoder.ups)
            _larger_fold(generator, grown)
        _copy(generator.encoder.age_conv, grown.encoder.age_conv)
        _copy(generator.encoder.age_head, grown.encoder.age_head)
        _copy(generator.decoder.embedding, grown.decoder.embedding)
    return grown.train(generator.training)


def grow_discriminator(discriminator: Discriminator, config: DiscriminatorConfig) -> Discriminator:
    """A discriminator of the larger shape that judges as the given one does; see the module's text.

    Where the side is not doubled once for each new halving, the old kernels see another scale than they learnt at,
    and the weights of the summary are resampled: a start, but another judgement.

    Raises:
        ValueError: the shape is no growth of the old one by halvings in front.
    """
    old = discriminator.config
    num_new = len(config.channels) - len(old.channels)
    fits = num_new >= 0 and config.channels[num_new:] == old.channels and config.blocks[num_new:] == old.blocks
    rest = replace(config, size_px=old.size_px, channels=old.channels, blocks=old.blocks)
    if not fits or rest != old or config.size_px <= old.size_px:
        raise ValueError(f"{config} does not grow from {old}: only halvings in front and the size may differ")
    new_channels = config.channels[:num_new]
    if any(config.blocks[:num_new]) or any(channels < 2 * NUM_COLOURS for channels in new_channels):
        raise ValueError(f"new halvings need blocks 0 and channels of 6 or more, got {config}")
    grown = Discriminator(config)
    with torch.no_grad():
        colours = torch.eye(NUM_COLOURS)  # (3, channels in front): reads the averaged colours off them
        for halving in grown.trunk[:num_new]:
            kernel = torch.zeros(4, 4)
            kernel[1:3, 1:3] = 1 / 4
            conv = next(layer for layer in halving.modules() if isinstance(layer, nn.Conv2d))
            conv.weight[: 2 * NUM_COLOURS] = _pairs(colours)[:, :, None, None] * kernel
            _bias(conv)[: 2 * NUM_COLOURS] = 0
            colours = torch.zeros(NUM_COLOURS, len(conv.weight))
            colours[:, : 2 * NUM_COLOURS] = _pairs(torch.eye(NUM_COLOURS)).T / PAIR_GAIN
        for before, now in zip(discriminator.trunk, grown.trunk[num_new:], strict=True):
            if before is discriminator.trunk[0]:
                first = {**before.state_dict()}
                first["0.weight"] = torch.einsum("ocyx,cd->odyx", first["0.weight"].cpu(), colours)
                now.load_state_dict(first)
            else:
                _copy(before, now)
        for part in ("maps", "map_projections", "projection", "age_head"):
            _copy(getattr(discriminator, part), getattr(grown, part))
        grown.summary.bias.copy_(discriminator.summary.bias)
        grown.summary.weight.copy_(_resampled(discriminator, config))
    return grown.train(discriminator.training)


def overlaps(count: int, parts: int) -> Tensor:
    """(count, parts) float32: cut one length into `count`, and again into `parts`; the share that each of the
    first has of each of the second. Rows sum to 1: they average `parts` values down, or spread them, to `count`."""
    ends = torch.arange(count + 1, dtype=torch.float64) / count
    other = torch.arange(parts + 1, dtype=torch.float64) / parts
    low = torch.maximum(ends[:-1, None], other[None, :-1])
    high = torch.minimum(ends[1:, None], other[None, 1:])
    return ((high - low).clamp(min=0) * count).float()


def _num_finer(old: GeneratorConfig, new: GeneratorConfig) -> int:
    """How many scales the new shape has in front of the old: 0 or 1."""
    num_finer = len(new.channels) - len(old.channels)
    names = ("channels", "encoder_blocks", "decoder_blocks")
    is_same = all(getattr(new, name)[num_finer:] == getattr(old, name) for name in names) if num_finer >= 0 else False
    rest = replace(new, size_px=old.size_px, fold=old.fold, **{name: getattr(old, name) for name in names})
    if num_finer not in (0, 1) or not is_same or rest != old or new.size_px <= old.size_px:
        raise ValueError(f"{new} does not grow from {old}: only size, fold and one scale in front may differ")
    if new.size_px * old.fold != old.size_px * new.fold * 2**num_finer:
        raise ValueError(
            f"from {old.size_px} px at fold {old.fold}, {new.size_px} px with {num_finer} finer scales need fold "
            f"{new.size_px * old.fold / (old.size_px * 2**num_finer):g}, got {new.fold}"
        )
    is_bare = new.encoder_blocks[0] == new.decoder_blocks[0] == 0
    if num_finer and not (is_bare and new.channels[0] >= LEAST_CHANNELS):
        raise ValueError(f"the new scale needs blocks 0 and channels of {LEAST_CHANNELS} or more, got {new}")
    return num_finer


def _larger_fold(old: Generator, new: Generator) -> None:
    """Stem and head of the new fold from those of the old."""
    fold, larger = old.config.fold, new.config.fold
    averaging = overlaps(fold, larger)
    stem = _kernel(old.encoder.stem, -1, NUM_COLOURS, fold, fold, 3, 3)
    spread = torch.einsum("ocijyx,iI,jJ->ocIJyx", stem, averaging, averaging)
    new.encoder.stem.weight.copy_(spread.flatten(1, 3))
    _bias(new.encoder.stem).copy_(_bias(old.encoder.stem))
    # The old change was smoothed at its own size, which the new one's smoothing does not replace.
    reach = torch.zeros(larger, 3, fold, 3)
    for pixel in range(fold):
        for offset, part in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            position, source = divmod(pixel + offset, fold)
            for tap in (-1, 0, 1):
                reached = min(max(position + tap, -1), 1)
                reach[:, reached + 1, source, tap + 1] += overlaps(larger, fold)[:, pixel] * part
    head = _kernel(old.decoder.head, 4, fold, fold, -1, 3, 3)
    kernel = torch.einsum("dijcyx,IYiy,JXjx->dIJcYX", head, reach, reach)
    new.decoder.head.weight.copy_(kernel.flatten(0, 2))
    share = torch.einsum("IYiy->Ii", reach) / 3
    bias = _bias(old.decoder.head).cpu().reshape(4, fold, fold)
    _bias(new.decoder.head).copy_(torch.einsum("dij,Ii,Jj->dIJ", bias, share, share).flatten())


def _front_of_encoder(old: Generator, new: Generator) -> None:
    """A stem that hands averaged pixels on, and a first halving that does with them what the old stem did."""
    fold, new_fold = old.config.fold, new.config.fold
    stem, down = new.encoder.stem, new.encoder.downs[0]
    assert isinstance(down, nn.Conv2d)
    pairs = stem.weight[:NUM_PIXEL_CHANNELS].view(NUM_COLOURS, 2, 2, 2, NUM_COLOURS, new_fold**2, 3, 3)
    stem.weight[:LEAST_CHANNELS] = 0
    _bias(stem)[:LEAST_CHANNELS] = 0
    # The old stem reached from -2 to 3 in steps of the new grid: (position, tap and shift by which it comes in, part).
    places = (
        (-2, -1, 0, 1.0),
        (-1, 0, 0, 1.0),
        (0, 1, 0, 1.0),
        (1, 0, 1, 1.0),
        (2, 1, 1, 1.0),
        (3, 1, 1, 1 + EXTRAPOLATION),
        (3, 0, 1, -EXTRAPOLATION),
    )
    reach = torch.zeros(3, len(SHIFTS), 3, fold)  # tap, shift; tap and pixel of the old stem
    for position, tap, shift, part in places:
        reach[tap + 1, shift, position // 2 + 1] += overlaps(fold, 2)[:, position % 2] * part
    for colour in range(NUM_COLOURS):
        for row, shift_y in enumerate(SHIFTS):
            for column, shift_x in enumerate(SHIFTS):
                for sign, factor in ((0, 1.0), (1, -1.0)):
                    pairs[colour, row, column, sign, colour, :, 1 + shift_y, 1 + shift_x] = factor / new_fold**2
    kernel = _kernel(old.encoder.stem, -1, NUM_COLOURS, fold, fold, 3, 3)
    read = torch.einsum("ocijyx,YRyi,XSxj->ocRSYX", kernel, reach, reach) / PAIR_GAIN
    down.weight.zero_()
    down.weight[:, :NUM_PIXEL_CHANNELS] = torch.stack((read, -read), dim=4).flatten(1, 4)
    _bias(down).copy_(_bias(old.encoder.stem))


def _front_of_decoder(old: Generator, new: Generator) -> None:
    """A first doubling that carries the old change, averaged over each fold, and a head that interpolates it."""
    fold, new_fold = old.config.fold, new.config.fold
    head, up = new.decoder.head, new.decoder.ups[0]
    assert isinstance(up, ModulatedConv)
    fields = slice(NUM_PIXEL_CHANNELS, LEAST_CHANNELS)
    mean = _kernel(old.decoder.head, 4, fold**2, -1, 3, 3).mean(1)  # (4, C, 3, 3)
    bias = _bias(old.decoder.head).cpu().reshape(4, -1).mean(1)
    lengths = (mean.square().sum((1, 2, 3)) + 1e-8).sqrt()  # what the demodulation divides by
    nn.init.zeros_(up.modulation.weight)
    up.weight[fields] = _pairs(mean.flatten(1)).view(NUM_FIELD_CHANNELS, *mean.shape[1:])
    up.bias[fields] = _pairs((bias / lengths)[:, None])[:, 0]
    offsets = (torch.arange(new_fold) + 0.5) / new_fold - 0.5
    linear = torch.stack((-offsets.clamp(max=0), 1 - offsets.abs(), offsets.clamp(min=0)), dim=1)  # (fold, 3)
    kernel = torch.einsum("IY,JX->IJYX", linear, linear)
    read = torch.diag(lengths / PAIR_GAIN)
    weights = torch.stack((read, -read), dim=2).flatten(1)  # (4, 8)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(_bias(head))
    head.weight.view(4, new_fold, new_fold, -1, 3, 3)[:, :, :, fields] = torch.einsum(
        "df,IJYX->dIJfYX", weights, kernel
    )


def _resampled(discriminator: Discriminator, config: DiscriminatorConfig) -> Tensor:
    """Weights of the summary for a last map of another side."""
    halvings = len(discriminator.config.channels)
    side = discriminator.config.size_px // 2**halvings
    new_side = config.size_px // 2 ** len(config.channels)
    weight = discriminator.summary.weight.cpu().reshape(discriminator.config.width, -1, side, side)
    averaging = overlaps(side, new_side)
    return torch.einsum("ocij,iI,jJ->ocIJ", weight, averaging, averaging).flatten(1)


def _pairs(rows: Tensor) -> Tensor:
    """(N, C) to (2 N, C): each row and, after it, its opposite."""
    return torch.stack((rows, -rows), dim=1).flatten(0, 1)


def _copy(before: nn.Module, now: nn.Module) -> None:
    now.load_state_dict(before.state_dict())


def _kernel(conv: nn.Conv2d, *shape: int) -> Tensor:
    return conv.weight.cpu().reshape(*shape)


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias
