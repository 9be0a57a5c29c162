"""Models of InsightFace's packs, changed before they are run, so that they are fast: what they compute stays the same.

Recognisers are full of PReLU, for which onnxruntime has a slow kernel that also breaks the layout its convolutions work
in: five of MobileFaceNet's seven milliseconds. Written as two depthwise convolutions and two ReLUs, which keep that
layout, it gives the same numbers to the last bit: one of the two terms is always 0.

    PReLU(x) = max(x, 0) - s max(-x, 0)
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def of_any_size(file: Path) -> bytes:
    """A model whose input may have any height and width, though its file names one size.

    Only what is said of the input and the outputs is changed. Whether the network between them works at other sizes
    shows when it is run.
    """
    import onnx

    model = onnx.load_model(str(file))
    for place, name in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_param = name
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    changed: bytes = model.SerializeToString()
    return changed


def without_prelu(file: Path) -> bytes:
    """A model of 2-D features with each PReLU that has a slope for each channel written as above; others stay."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model(str(file))
    graph = model.graph
    slopes = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    nodes = []
    for node in graph.node:
        slope = slopes.get(node.input[1]) if node.op_type == "PRelu" else None
        nodes += [node] if slope is None or not _is_of_channels(slope) else _in_parts(graph, node, slope.reshape(-1))
    used = {name for node in nodes for name in node.input}
    kept = [one for one in graph.initializer if one.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    changed: bytes = model.SerializeToString()
    return changed


def _is_of_channels(slope: npt.NDArray[Any]) -> bool:
    """Whether there is a slope for each of several channels, of features with height and width."""
    return slope.dtype == np.float32 and slope.size > 1 and slope.shape in ((slope.size, 1, 1), (1, slope.size, 1, 1))


def _in_parts(graph: Any, node: Any, slope: Any) -> list[Any]:
    """The nodes that stand for a PReLU; their factors are added to the graph."""
    from onnx import helper, numpy_helper

    [came, _], [goes] = node.input, node.output
    for name, factors in (("minus", -np.ones_like(slope)), ("slope", -slope)):
        graph.initializer.append(numpy_helper.from_array(factors.reshape(-1, 1, 1, 1), f"{goes}.{name}"))

    def scaled(what: str, by: str, to: str) -> Any:
        return helper.make_node("Conv", [what, f"{goes}.{by}"], [to], group=slope.size, kernel_shape=[1, 1])

    return [
        helper.make_node("Relu", [came], [f"{goes}.above"]),
        scaled(came, "minus", f"{goes}.turned"),
        helper.make_node("Relu", [f"{goes}.turned"], [f"{goes}.below"]),
        scaled(f"{goes}.below", "slope", f"{goes}.sloped"),
        helper.make_node("Add", [f"{goes}.above", f"{goes}.sloped"], [goes]),
    ]
