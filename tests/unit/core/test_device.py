"""Choice of device and precision."""

import time

import pytest
import torch
from torch import nn

from core.device import autocast, choose, measure_cpu
from core.errors import DeviceMissing
from core.layers import ModulatedConv2d


def test_float32_as_asked_is_the_plain_reference() -> None:
    compute = choose("cpu", "float32")
    assert (compute.device.type, compute.dtype, compute.channels_last) == ("cpu", torch.float32, False)


def test_auto_takes_the_fastest_way_measured() -> None:
    compute = choose("cpu")
    seconds = measure_cpu()
    plain = seconds[torch.float32, False]
    if compute.dtype == torch.float32 and not compute.channels_last:
        assert plain < 1.2 * min(seconds.values())
    else:
        assert seconds[compute.dtype, compute.channels_last] == min(seconds.values()) <= plain / 1.2
    assert "ms" in compute.reason


def test_measuring_is_quick_and_done_once() -> None:
    measure_cpu.cache_clear()
    start = time.process_time()
    first = measure_cpu()
    assert time.process_time() - start < 1.5
    assert measure_cpu() is first


def test_measuring_gives_the_threads_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        measure_cpu.cache_clear()
        measure_cpu()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("device", "precision"), [("gpu", "auto"), ("cuda:x", "auto"), ("cpu", "float16")])
def test_unknown_names_are_the_callers_mistake(device: str, precision: str) -> None:
    with pytest.raises(ValueError, match="none of"):
        choose(device, precision)  # type: ignore[arg-type]


def test_absent_device_is_refused_not_replaced() -> None:
    with pytest.raises(DeviceMissing, match="--device cpu"):
        choose(f"cuda:{torch.cuda.device_count()}")


def test_bfloat16_reaches_the_convolution_and_leaves_weights_alone() -> None:
    compute = choose("cpu", "bfloat16")
    layer = compute.place(nn.Conv2d(4, 8, 3))
    features = compute.move(torch.ones(2, 4, 8, 8))
    assert features.is_contiguous(memory_format=torch.channels_last)
    with autocast(compute), torch.no_grad():
        assert layer(features).dtype == torch.bfloat16
    assert layer.weight.dtype == torch.float32
    assert layer.weight.is_contiguous(memory_format=torch.channels_last)


def test_weights_of_five_dimensions_can_be_placed() -> None:
    layer = ModulatedConv2d(4, 8, 3, 16)
    assert choose("cpu", "bfloat16").place(layer) is layer
    assert layer.weight.shape == (1, 8, 4, 3, 3)


def test_float32_context_changes_nothing() -> None:
    compute = choose("cpu", "float32")
    layer = nn.Conv2d(4, 8, 3)
    features = torch.ones(2, 4, 8, 8)
    with autocast(compute), torch.no_grad():
        assert torch.equal(layer(features), layer.forward(features))
        assert layer(features).dtype == torch.float32


@pytest.mark.gpu
def test_cuda_float32_is_not_tf32() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    compute = choose("cuda", "float32")
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 256, 32, 32, generator=generator)
    layer = nn.Conv2d(256, 256, 3)
    with torch.no_grad(), autocast(compute):
        expected = layer(features)
        got = compute.place(layer)(compute.move(features)).cpu()
    assert (got - expected).abs().max() < 2e-5


def test_a_device_that_is_only_lent_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # as ZeroGPU has it, between loans too
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert choose(precision="float32").device.type == "cpu"
