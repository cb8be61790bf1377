"""Makes the channels of a tensor alike before it is quantised with one scale for all of them.

`equalise`: a scale of one channel goes through Relu, MaxPool and Add. Dividing the weights that make the channel, and
multiplying those that use it, changes nothing in float32, but a channel of small values is no longer lost beside one of
large ones (cross-layer equalisation, Nagel et al. 2019, arXiv:1906.04721; the scale is SmoothQuant's, Xiao et al. 2022,
arXiv:2211.10438).

`even_out`: what a convolution adds to other values in float32 can have any scale on the way there. Its channels are
made exactly alike, and a multiplication in float32 brings their own sizes back.
"""

from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

BALANCE = 0.5  # 1 makes the activations' ranges alike, 0 the weights'
MAX_SCALE = 16.0
PASSING = ("Relu", "MaxPool", "Add")


@dataclass
class Channels:
    """Tensors whose channels must keep one scale, because a channel of one is a channel of the others.

    Args:
        makers: the convolutions that write them.
        users: the convolutions that read them.
        fixed: something else reads or writes them, so that their scale cannot change.
    """

    makers: list[onnx.NodeProto] = field(default_factory=list)
    users: list[onnx.NodeProto] = field(default_factory=list)
    fixed: bool = False


def equalise(model: onnx.ModelProto, batches: list[np.ndarray]) -> onnx.ModelProto:
    """Return the same network with equalised channels.

    Args:
        model: a float32 network with one input.
        batches: inputs that show how large its channels become.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    weights = {one.name: numpy_helper.to_array(one).copy() for one in result.graph.initializer}
    groups = [group for group in _groups(result.graph, weights) if group.makers and group.users and not group.fixed]
    tensors = sorted({node.input[0] for group in groups for node in group.users})
    largest = _largest(result, tensors, batches)
    for group in groups:
        _equalise_one(group, weights, largest)
    for one in result.graph.initializer:
        one.CopyFrom(numpy_helper.from_array(weights[one.name], one.name))
    return result


def even_out(model: onnx.ModelProto, batches: list[np.ndarray], kept: set[str]) -> tuple[onnx.ModelProto, list[str]]:
    """Return the same network with evened-out inputs of its additions.

    Args:
        model: a float32 network with one input.
        batches: inputs that show how large its channels become.
        kept: nodes to leave as they are.

    Returns:
        The network, and the names of the multiplications, which are to stay in float32.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    readers: dict[str, list[str]] = {one.name: ["an output"] for one in graph.output}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node.op_type)
    weights = {one.name: one for one in graph.initializer}
    chosen = [
        node
        for node in graph.node
        if node.op_type == "Conv"
        and node.name not in kept
        and readers.get(node.output[0]) == ["Add"]
        and all(readers[name] == ["Conv"] for name in node.input[1:])
    ]
    largest = _largest(result, [node.output[0] for node in chosen], batches)
    scaling = []
    for node in chosen:
        output = node.output[0]
        scale = np.maximum(largest[output], 1e-3 * largest[output].max() + 1e-12).astype(np.float32)
        for name in node.input[1:]:  # weights and bias
            value = numpy_helper.to_array(weights[name])
            value = value / scale.reshape(-1, *[1] * (value.ndim - 1))
            weights[name].CopyFrom(numpy_helper.from_array(value, name))
        node.output[0] = f"{output}_even"
        graph.initializer.append(numpy_helper.from_array(scale.reshape(1, -1, 1, 1), f"{output}_scale"))
        scaling.append(
            onnx.helper.make_node("Mul", [f"{output}_even", f"{output}_scale"], [output], f"{output}_uneven")
        )
    made_by = {one.input[0]: one for one in scaling}
    ordered = [one for node in graph.node for one in (node, made_by.get(node.output[0])) if one is not None]
    nodes = [onnx.NodeProto.FromString(one.SerializeToString()) for one in ordered]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    return onnx.shape_inference.infer_shapes(result), [one.name for one in scaling]


def _groups(graph: onnx.GraphProto, weights: dict[str, np.ndarray]) -> list[Channels]:
    """Join the tensors that Relu, MaxPool and Add connect."""
    joined: dict[str, str] = {}

    def find(name: str) -> str:
        while joined.setdefault(name, name) != name:
            name = joined[name]
        return name

    for node in graph.node:
        if node.op_type in PASSING:
            for name in node.input:
                joined[find(name)] = find(node.output[0])
    groups: dict[str, Channels] = {}
    for node in graph.node:
        plain = node.op_type == "Conv" and all(one.i == 1 for one in node.attribute if one.name == "group")
        if plain:
            groups.setdefault(find(node.input[0]), Channels()).users.append(node)
            groups.setdefault(find(node.output[0]), Channels()).makers.append(node)
        elif node.op_type not in PASSING:
            for name in (*node.input, *node.output):
                groups.setdefault(find(name), Channels()).fixed = True
    for name in (*weights, *(one.name for one in (*graph.input, *graph.output))):
        groups.setdefault(find(name), Channels()).fixed = True
    return list(groups.values())


def _largest(model: onnx.ModelProto, tensors: list[str], batches: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return the largest absolute value of each channel of some tensors."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    known = {one.name for one in watched.graph.output}
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors if name not in known)
    session = onnxruntime.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    largest = {name: np.zeros(1, np.float32) for name in tensors}
    for batch in batches:
        values = session.run(tensors, {session.get_inputs()[0].name: batch}) if tensors else []
        for name, value in zip(tensors, values, strict=True):
            largest[name] = np.maximum(largest[name], np.abs(value).max(axis=(0, 2, 3)))
    return largest


def _equalise_one(group: Channels, weights: dict[str, np.ndarray], largest: dict[str, np.ndarray]) -> None:
    """Scale the weights on both sides of one group's channels."""
    activation = np.max([largest[node.input[0]] for node in group.users], axis=0)
    weight = np.max([_share(weights[node.input[1]]) for node in group.users], axis=0)
    activation, weight = (np.maximum(one, 1e-3 * one.max() + 1e-12) for one in (activation, weight))
    scale = activation**BALANCE / weight ** (1 - BALANCE)
    scale = np.clip(scale / np.exp(np.log(scale).mean()), 1 / MAX_SCALE, MAX_SCALE).astype(np.float32)
    for node in group.makers:
        for name in node.input[1:]:  # weights and bias
            value = weights[name]
            value /= scale.reshape(-1, *[1] * (value.ndim - 1))
    for node in group.users:
        weights[node.input[1]] *= scale[None, :, None, None]


def _share(weight: np.ndarray) -> np.ndarray:
    """Return each input channel's largest weight, as a share of the largest of its output channel."""
    largest = np.abs(weight).max(axis=(2, 3))
    share: np.ndarray = (largest / np.maximum(largest.max(axis=1, keepdims=True), 1e-12)).max(axis=0)
    return share
