"""Grown networks do what the smaller ones did: exactly where the text says so, nearly where it says nearly."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from core.discriminator import Discriminator, DiscriminatorConfig
from core.generator import Generator, GeneratorConfig, age_code
from training.config import PRESETS
from training.growing import LEAST_CHANNELS, grow_discriminator, grow_generator, grown_shapes, overlaps

OLD = GeneratorConfig(
    size_px=32, channels=(8, 12, 16), encoder_blocks=(0, 1, 1), decoder_blocks=(1, 1, 1), code_width=16
)
FINER = {"channels": (LEAST_CHANNELS + 4, 8, 12, 16), "encoder_blocks": (0, 0, 1, 1), "decoder_blocks": (0, 1, 1, 1)}
JUDGE = DiscriminatorConfig(size_px=32, channels=(8, 12, 16), blocks=(0, 1, 0), width=24, map_width=8)


@pytest.fixture(scope="module")
def old() -> Generator:
    """A generator whose changes are large and differ from pixel to pixel."""
    torch.manual_seed(0)
    generator = Generator(OLD).eval()
    with torch.no_grad():
        for parameter in generator.parameters():
            if parameter.ndim == 1:
                parameter.normal_(std=0.2)
        generator.decoder.head.weight.normal_(std=0.15)
    return generator


def averaged(pictures: Tensor, size_px: int) -> Tensor:
    """(N, C, S, S) averaged over the area of each pixel, done another way than in training/growing.py."""
    common = torch.lcm(torch.tensor(pictures.shape[-1]), torch.tensor(size_px)).item()
    fine = pictures.repeat_interleave(common // pictures.shape[-1], 2).repeat_interleave(
        common // pictures.shape[-1], 3
    )
    return F.avg_pool2d(fine, common // size_px)


def pictures(size_px: int) -> Tensor:
    """(4, 3, S, S) of smooth random colours, -1..1."""
    random = torch.Generator().manual_seed(1)
    coarse = torch.rand(4, 3, 10, 10, generator=random) * 2 - 1
    return F.interpolate(coarse, size=(size_px, size_px), mode="bilinear", align_corners=False)


def change(generator: Generator, faces: Tensor) -> Tensor:
    code = age_code(generator.groups, [5, 25, 45, 80])
    with torch.no_grad():
        return generator(faces, code) - faces


def enlarged(made: Tensor, size_px: int) -> Tensor:
    return F.interpolate(made, size=(size_px, size_px), mode="bilinear", align_corners=False)


def relative_error(made: Tensor, wanted: Tensor) -> float:
    return float((made - wanted).square().mean().sqrt() / wanted.square().mean().sqrt())


def test_overlaps_average_down_and_spread_up() -> None:
    assert overlaps(2, 4).tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]
    assert overlaps(4, 2).tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    assert torch.allclose(overlaps(3, 2), torch.tensor([[1, 0], [0.5, 0.5], [0, 1]]))
    assert torch.allclose(overlaps(2, 3), torch.tensor([[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]]))


@pytest.mark.parametrize(("size_px", "fold"), [(48, 3), (64, 4), (128, 8)])
def test_with_a_larger_fold_features_are_exact_and_changes_near(old: Generator, size_px: int, fold: int) -> None:
    grown = grow_generator(old, replace(OLD, size_px=size_px, fold=fold))
    faces = pictures(size_px)
    small = averaged(faces, 32)
    with torch.no_grad():
        before, now = old.encode(small), grown.encode(faces)
    assert torch.allclose(before.age_logits, now.age_logits, atol=1e-4)
    for one, other in zip(before.scales, now.scales, strict=True):
        assert torch.allclose(one, other, atol=1e-4)
    assert relative_error(change(grown, faces), enlarged(change(old, small), size_px)) < 0.2


def test_doubling_the_fold_is_exact_where_the_head_reaches(old: Generator) -> None:
    """A head of one tap needs no more than the three positions it may reach, so there is nothing to stand in for."""
    narrow = Generator(OLD).eval()
    narrow.load_state_dict(old.state_dict())
    with torch.no_grad():
        centre = narrow.decoder.head.weight[:, :, 1, 1].clone()
        narrow.decoder.head.weight.zero_()
        narrow.decoder.head.weight[:, :, 1, 1] = centre
        grown = grow_generator(narrow, replace(OLD, size_px=64, fold=4))
        faces = pictures(64)
        code = age_code(old.groups, [5, 25, 45, 80])
        before = narrow.decoder(narrow.encode(averaged(faces, 32)).scales, code)[0]
        now = grown.decoder(grown.encode(faces).scales, code)[0]
    inside = slice(6, -6)  # beyond, the border that is repeated and the features that are zero differ
    assert torch.allclose(now[..., inside, inside], enlarged(before, 64)[..., inside, inside], atol=1e-5)


@pytest.mark.parametrize(("size_px", "fold"), [(64, 2), (128, 4)])
def test_a_finer_scale_begins_near_the_old_model(old: Generator, size_px: int, fold: int) -> None:
    config = replace(OLD, size_px=size_px, fold=fold, **FINER)
    torch.manual_seed(3)
    grown = grow_generator(old, config)
    torch.manual_seed(3)
    fresh = Generator(config).eval()
    faces = pictures(size_px)
    small = averaged(faces, 32)
    wanted = enlarged(change(old, small), size_px)
    assert relative_error(change(grown, faces), wanted) < 0.45
    assert relative_error(change(fresh, faces), wanted) > 0.9, "so that being near is no accident"
    with torch.no_grad():
        before, now = old.encode(small).scales, grown.encode(faces).scales[1:]
    for one, other in zip(before, now, strict=True):
        assert relative_error(other, one) < 0.2
    kept, had = grown.state_dict(), old.state_dict()
    for key in had:
        family, _, rest = key.partition(".")
        if rest.startswith(("blocks.", "downs.", "ups.")):
            part, number, name = rest.split(".", 2)
            assert torch.equal(had[key], kept[f"{family}.{part}.{int(number) + 1}.{name}"])
        elif rest.startswith(("age_", "embedding")):
            assert torch.equal(had[key], kept[key])


def test_a_finer_scale_is_exact_in_flat_parts_of_the_picture(old: Generator) -> None:
    grown = grow_generator(old, replace(OLD, size_px=64, fold=2, **FINER))
    flat = torch.tensor([0.3, -0.5, 0.8])[None, :, None, None].expand(1, 3, 64, 64)
    with torch.no_grad():
        before, now = old.encode(flat[..., :32, :32]).scales[0], grown.encode(flat).scales[1]
    assert torch.allclose(before[..., 1:-1, 1:-1], now[..., 1:-1, 1:-1], atol=1e-5)


def test_everything_new_learns_from_the_first_steps(old: Generator) -> None:
    grown = grow_generator(old, replace(OLD, size_px=64, fold=2, **FINER))
    optimiser = torch.optim.SGD(grown.parameters(), lr=0.01)
    for _ in range(2):
        optimiser.zero_grad()
        (grown(pictures(64), age_code(grown.groups, [5, 25, 45, 80])) - 0.5).square().mean().backward()
        optimiser.step()
    still = [
        name
        for name, parameter in grown.named_parameters()
        if not name.startswith("encoder.age_") and (parameter.grad is None or not parameter.grad.any())
    ]
    assert still == []
    rows = grown.encoder.stem.weight.grad
    assert rows is not None and bool(rows.flatten(1).any(1).all()), "no channel of the new stem is dead"


@pytest.mark.parametrize(("size_px", "front"), [(64, (6,)), (128, (6, 9))])
def test_a_discriminator_judges_the_doubled_picture_as_before(size_px: int, front: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    judge = Discriminator(JUDGE)
    config = replace(JUDGE, size_px=size_px, channels=front + JUDGE.channels, blocks=(0,) * len(front) + JUDGE.blocks)
    grown = grow_discriminator(judge, config)
    faces, groups, sexes = pictures(size_px), torch.tensor([0, 3, 6, 9]), torch.tensor([0, 1, 0, 1])
    with torch.no_grad():
        before, now = judge(averaged(faces, 32), groups, sexes), grown(faces, groups, sexes)
    assert torch.allclose(before.score, now.score, atol=1e-5)
    assert torch.allclose(before.age_logits, now.age_logits, atol=1e-5)


def test_a_discriminator_of_half_as_much_again_starts_from_the_old_weights() -> None:
    torch.manual_seed(0)
    judge = Discriminator(JUDGE)
    grown = grow_discriminator(judge, replace(JUDGE, size_px=48))
    had, kept = judge.state_dict(), grown.state_dict()
    assert all(torch.equal(had[key], kept[key]) for key in had if key != "summary.weight")
    features = torch.rand(1, 17, 4, 4)
    spread = torch.einsum("Ii,Jj,ncij->ncIJ", overlaps(6, 4), overlaps(6, 4), features)
    back = torch.einsum("iI,jJ,ncIJ->ncij", overlaps(4, 6), overlaps(4, 6), spread)
    assert torch.allclose(grown.summary(spread.flatten(1)), judge.summary(back.flatten(1)), atol=1e-5)
    with torch.no_grad():
        assert grown(pictures(48), torch.tensor([0, 3, 6, 9]), torch.tensor([0, 1, 0, 1])).score.isfinite().all()


@pytest.mark.parametrize(
    ("shape", "fault"),
    [
        ({"size_px": 64, "fold": 2}, "need fold 4, got 2"),
        ({"size_px": 32}, "does not grow"),
        ({"size_px": 64, "fold": 4, "code_width": 8}, "does not grow"),
        ({"size_px": 64, "fold": 4, "groups": "4"}, "does not grow"),
        ({"size_px": 64, **FINER, "channels": (8, 8, 12, 16)}, "channels of 32"),
        ({"size_px": 64, **FINER, "decoder_blocks": (1, 1, 1, 1)}, "blocks 0"),
        ({"size_px": 64, **FINER, "channels": (40, 8, 12, 20)}, "does not grow"),
    ],
)
def test_shapes_that_do_not_grow_from_another_are_refused(old: Generator, shape: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        grow_generator(old, replace(OLD, **shape))


@pytest.mark.parametrize(
    ("shape", "fault"),
    [
        ({"size_px": 32}, "does not grow"),
        ({"size_px": 64, "width": 25}, "does not grow"),
        ({"size_px": 64, "channels": (5, 8, 12, 16), "blocks": (0, 0, 1, 0)}, "channels of 6"),
        ({"size_px": 64, "channels": (6, 8, 12, 16), "blocks": (1, 0, 1, 0)}, "blocks 0"),
    ],
)
def test_discriminators_too(shape: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        grow_discriminator(Discriminator(JUDGE), replace(JUDGE, **shape))


def test_the_shapes_offered_go_on_from_the_preset_and_from_each_other() -> None:
    for groups in ("10", "4"):
        assert {shape.groups for pair in grown_shapes(groups).values() for shape in pair} == {groups}
    before = PRESETS["utk128-4"]
    generator, judge = Generator(before.generator), Discriminator(before.discriminator)
    shapes = grown_shapes("4")
    assert grow_generator(generator, shapes[192][0]).config.fold == 3
    assert grow_discriminator(judge, shapes[192][1]).summary.in_features == 257 * 36
    for size_px in (256, 512, 1024):
        generator = grow_generator(generator, shapes[size_px][0])
        judge = grow_discriminator(judge, shapes[size_px][1])
    assert sum(parameter.numel() for parameter in generator.parameters()) < 12e6


def test_a_generator_with_gains_does_not_grow() -> None:
    gaining = Generator(replace(OLD, size_px=128, detail_gains=True))
    with pytest.raises(ValueError, match="with detail_gains does not grow"):
        grow_generator(gaining, replace(OLD, size_px=192, fold=3))
