"""The recogniser in torch against the pack that it comes from, on real faces; and a tiny one made here."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from core.align import REFERENCE_POSES, UTKFACE
from core.detect import Face, open_pack
from core.errors import WeightsRefused
from core.images import to_tensor
from training import losses
from training.data import load_faces
from training.recogniser import FrozenRecogniser

PACK = Path("models") / "pack_scrfd_mobilefacenet"


def tiny(path: Path, *, names: tuple[str, str] = ("a", "b"), width: int = 4) -> Path:
    """A recogniser of one convolution: 16 px patches, averaged."""
    weight = np.random.default_rng(0).normal(size=(width, 3, 16, 16)).astype(np.float32)
    nodes = [
        helper.make_node("Sub", ["faces", "zero"], ["a"], name=names[0]),
        helper.make_node("Mul", ["a", "one"], ["b"], name=names[1]),
        helper.make_node("Conv", ["b", "weight"], ["c"], strides=[16, 16]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("GlobalAveragePool", ["d"], ["out"]),
    ]
    constants = [("zero", [0.0]), ("one", [1.0]), ("weight", weight)]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 3, 112, 112])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(values, np.float32), name) for name, values in constants],
    )
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )
    return path


@pytest.fixture(scope="module")
def recogniser(shared: Path) -> FrozenRecogniser:
    return FrozenRecogniser(shared / PACK / "mobilefacenet_112.onnx")


@pytest.fixture(scope="module")
def tiny_recogniser(tmp_path_factory: pytest.TempPathFactory) -> FrozenRecogniser:
    return FrozenRecogniser(tiny(tmp_path_factory.mktemp("tiny") / "tiny.onnx"))


def test_real_recogniser_as_onnx_runtime_runs_it(shared: Path, recogniser: FrozenRecogniser) -> None:
    crops = torch.rand(3, 3, 112, 112, generator=torch.Generator().manual_seed(0)) * 2 - 1
    session = onnxruntime.InferenceSession(str(shared / PACK / "mobilefacenet_112.onnx"))
    expected = session.run(None, {"data": crops.numpy()})[0]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(recogniser(crops).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("size_px", [128, 256])
def test_faces_embed_as_the_pack_embeds_them(shared: Path, recogniser: FrozenRecogniser, size_px: int) -> None:
    """The same points, so what is compared is colour order, range, crop and network; each alone breaks it."""
    faces = load_faces((shared / "data" / "utkface_eval.parquet",), size_px, max_faces=12).faces
    pack = open_pack(f"insightface:{shared / PACK}")
    assert pack.identity == recogniser.name
    points = UTKFACE.template("arcface5", size_px)
    face = Face(box=(0, 0, size_px, size_px), points=points, convention="arcface5", score=1.0)
    theirs = np.stack([pack.embed(one, face) for one in faces])
    ours = recogniser.embed_faces(to_tensor(faces)).numpy()
    assert (ours * theirs).sum(1).min() > 1 - 1e-3


def test_bfloat16_and_channels_last_keep_the_cosines(shared: Path, recogniser: FrozenRecogniser) -> None:
    faces = to_tensor(load_faces((shared / "data" / "utkface_eval.parquet",), 128, max_faces=12).faces)
    plain = recogniser.embed_faces(faces)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        quick = recogniser.embed_faces(faces.to(memory_format=torch.channels_last))
    assert quick.dtype == torch.float32
    assert (plain * quick).sum(1).min() > 0.99
    torch.testing.assert_close(quick @ quick.T, plain @ plain.T, atol=0.03, rtol=0)


def test_embeddings_have_length_one_and_gradients_reach_the_faces(tiny_recogniser: FrozenRecogniser) -> None:
    faces = (torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) - 0.5).requires_grad_()
    embedded = tiny_recogniser.embed_faces(faces)
    torch.testing.assert_close(embedded.norm(dim=1), torch.ones(2))
    (gradient,) = torch.autograd.grad((embedded[0] * embedded[1].detach()).sum(), faces)
    assert gradient[0].abs().sum() > 0 and gradient[1].abs().sum() == 0
    assert list(tiny_recogniser.parameters()) == []


def test_a_smooth_face_is_sampled_alike_at_every_size(tiny_recogniser: FrozenRecogniser) -> None:
    """From 64 px, enlarged, to 512 px, averaged: a shift by half a pixel of the crop would show."""
    generator = torch.Generator().manual_seed(2)
    coarse = torch.rand(2, 3, 9, 9, generator=generator) * 2 - 1
    embedded = [
        tiny_recogniser.embed_faces(torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(-1, 1))
        for size in (64, 128, 256, 512)
    ]
    for other in embedded[1:]:
        assert (embedded[0] * other).sum(1).min() > 0.999


def test_a_graph_that_normalises_by_itself_gets_bytes(tmp_path: Path) -> None:
    """InsightFace's rule, by the names of the first nodes; the pictures are then 0..255."""
    plain = FrozenRecogniser(tiny(tmp_path / "plain.onnx"))
    bytes_wanted = FrozenRecogniser(tiny(tmp_path / "bytes.onnx", names=("_minusscalar0", "_mulscalar0")))
    crops = torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(3)) * 2 - 1
    torch.testing.assert_close(bytes_wanted(crops), plain((crops + 1) * 127.5))
    assert not torch.allclose(bytes_wanted(crops), plain(crops), atol=1e-3)


def test_no_recogniser(tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match="not two embeddings"):
        FrozenRecogniser(tiny(tmp_path / "net.onnx", width=1))


def test_wrong_shapes_and_framing(tiny_recogniser: FrozenRecogniser, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected crops"):
        tiny_recogniser(torch.zeros(1, 3, 128, 128))
    with pytest.raises(ValueError, match="expected faces"):
        tiny_recogniser.embed_faces(torch.zeros(1, 3, 64, 65))
    with pytest.raises(ValueError, match="framing reference"):
        FrozenRecogniser(tiny(tmp_path / "net.onnx"), REFERENCE_POSES)


def test_identity_band_asks_nothing_above_it() -> None:
    """Cosines 1, .6 and 0 against a band from .5: only the last one is wrong, by .5, and only it gets a gradient."""
    before = torch.tensor([[1.0, 0.0]] * 3)
    after = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], requires_grad=True)
    value = losses.identity_band(before, after, torch.full((3,), 0.5))
    assert value.item() == pytest.approx(0.5 / 3)
    value.backward()
    assert after.grad is not None
    torch.testing.assert_close(after.grad, torch.tensor([[0.0, 0.0], [0.0, 0.0], [-1 / 3, 0.0]]))
