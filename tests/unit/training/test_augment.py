"""Changes to faces that leave age and person alone."""

import pytest
import torch

from training import augment
from training.augment import Controller


def faces(count: int = 4, side: int = 32) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_no_turn_no_scale_and_no_shift_change_nothing() -> None:
    still = augment.warp(faces(), torch.zeros(4), torch.ones(4), torch.zeros(4, 2))
    assert torch.allclose(still, faces(), atol=1e-5)


def test_a_shift_to_the_right_and_down_is_one() -> None:
    picture = torch.full((1, 3, 16, 16), -1.0)
    picture[:, :, 4, 4] = 1
    moved = augment.warp(picture, torch.zeros(1), torch.ones(1), torch.tensor([[0.25, 0.125]]))
    assert torch.nonzero(moved[0, 0] > 0.9).tolist() == [[6, 8]]


def test_a_quarter_turn_goes_against_the_clock() -> None:
    picture = torch.full((1, 3, 16, 16), -1.0)
    picture[:, :, 2, 7:9] = 1  # above the middle
    turned = augment.warp(picture, torch.tensor([90.0]), torch.ones(1), torch.zeros(1, 2))
    rows, columns = torch.nonzero(turned[0, 0] > 0.5).float().mean(0).tolist()
    assert (rows, columns) == (7.5, 2.0)


def test_recolouring_by_nothing_changes_nothing_and_no_saturation_is_grey() -> None:
    ones = torch.ones(4)
    assert torch.allclose(augment.recolour(faces(), torch.zeros(4), ones, ones), faces(), atol=1e-6)
    grey = augment.recolour(faces(), torch.zeros(4), ones, torch.zeros(4))
    assert torch.allclose(grey[:, 0], grey[:, 1]) and torch.allclose(grey[:, 1], grey[:, 2])


def jittered(seed: int, amount: float = 1.0) -> torch.Tensor:
    return augment.draw_jitter(4, amount, torch.Generator().manual_seed(seed)).of_faces(faces())


def test_jitter_depends_on_the_seed_alone_differs_by_face_and_stays_in_range() -> None:
    one, other = jittered(3), jittered(4)
    assert torch.equal(one, jittered(3)) and not torch.allclose(one, other, atol=0.1)
    assert one.shape == faces().shape and one.abs().max() <= 1
    assert torch.allclose(jittered(3, 0.0), faces(), atol=1e-5)
    drawn = augment.draw_jitter(4, 1.0, torch.Generator().manual_seed(3))
    assert len(drawn.scales.unique()) == len(drawn.degrees.unique()) == len(drawn.contrast.unique()) == 4


def test_jitter_makes_up_hardly_any_of_the_border() -> None:
    """Of pictures whose border is marked a tenth wide, the mark comes in by as much again, and mostly goes out."""
    framed = torch.full((300, 3, 40, 40), -1.0)
    framed[:, :, 4:-4, 4:-4] = 1
    jitter = augment.draw_jitter(300, 1.0, torch.Generator().manual_seed(0))
    shown = jitter.of_faces(framed)[:, 0]
    assert (shown[:, 8:-8, 8:-8] > 0).all()
    assert (shown > 0).float().mean() > (framed > 0).float().mean() + 0.05


def test_weights_go_where_their_faces_go() -> None:
    spot = torch.full((4, 3, 40, 40), -1.0)
    spot[:, :, 25:29, 10:14] = 1
    jitter = augment.draw_jitter(4, 1.0, torch.Generator().manual_seed(5))
    lit = jitter.of_faces(spot).mean(1) > 0
    weighed = jitter.of_weights((spot[:, :1] + 1) / 2)[:, 0] > 0.5
    assert not torch.equal(weighed[0], weighed[1])
    assert (lit == weighed).float().mean() > 0.995


def test_erasing_covers_the_asked_share_of_faces_with_one_grey_rectangle() -> None:
    lit = torch.ones(400, 3, 20, 20)
    covered = augment.erase(lit, 0.3, torch.Generator().manual_seed(1)) == 0
    assert 0.2 < covered.flatten(1).any(1).float().mean() < 0.4
    assert covered.float().mean((1, 2, 3)).max() <= 0.4**2 + 1e-6


def test_what_readers_are_shown_depends_on_the_seed_alone_and_passes_gradients_on() -> None:
    given = faces().requires_grad_()
    one, same, other = (augment.vary_for_reading(given, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, same) and not torch.equal(one, other)
    one.sum().backward()  # type: ignore[no-untyped-call]
    assert given.grad is not None and given.grad.abs().sum() > 0


def test_chance_0_gives_the_faces_themselves_and_chance_1_changes_each() -> None:
    given = faces(16)
    assert augment.vary_for_discriminator(given, 0.0, torch.Generator()) is given
    changed = augment.vary_for_discriminator(given, 1.0, torch.Generator().manual_seed(0))
    assert bool(((changed - given).abs().amax((1, 2, 3)) > 0.05).all())


def test_a_small_chance_leaves_most_faces_as_they_are() -> None:
    given = faces(64)
    changed = augment.vary_for_discriminator(given, 0.02, torch.Generator().manual_seed(0))
    assert ((changed - given).abs().amax((1, 2, 3)) < 1e-4).float().mean() > 0.7


def test_the_chance_rises_while_the_discriminator_is_sure_falls_when_not_and_stays_below_what_leaks() -> None:
    memory: dict[str, torch.Tensor] = {}
    controller = Controller(0.6, memory)
    rising = [controller.watch(1.0, 2000) for _ in range(200)]
    assert rising[0] == 0.0 or rising[0] > 0
    assert rising == sorted(rising) and rising[-1] == pytest.approx(Controller.MAX_CHANCE)
    falling = [controller.watch(-1.0, 2000) for _ in range(200)]
    assert falling[-1] == 0.0
    Controller(0.6, memory).watch(1.0, 2000)  # another sitting goes on with the same memory
    assert float(memory["augment.r"]) == pytest.approx(1.0)
