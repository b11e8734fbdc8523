"""Change sound input at random: bytes of any format, text, and the structure of ONNX graphs."""

import random
import re
from collections.abc import Callable

import onnx
from onnx import AttributeProto, ModelProto, TensorProto, helper

Mutator = Callable[[bytes, random.Random], bytes]

_EDGES = (0, 1, 0x7F, 0x80, 0xFF)
_NUMBERS = (
    b"0",
    b"-1",
    b"1e308",
    b"-1e309",
    b"1e-400",
    b"NaN",
    b"Infinity",
    b"9" * 400,
    b"9" * 5000,
    b"18446744073709551616",
    b"2147483648",
    b"0x10",
    b"1.5",
    b"null",
    b'""',
)
_TEXTS = (
    b"",
    b"\xff\xfe",
    b"\x00",
    b"\xed\xa0\x80",
    b'"\\ud800"',
    b"../../../../etc/passwd",
    b"[" * 3000,
    b'{"a":' * 2000,
    b"&lol;",
    b"<" * 500,
    b"\x1b[31m",
    "名前".encode(),
    b"x" * 70_000,
)
_SHAPES = (-1, 0, 1, 2**31, 2**40, 2**62)


def flip_bytes(data: bytes, dice: random.Random) -> bytes:
    """Change a few bytes."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4, 16, 64))):
        if changed:
            at = dice.randrange(len(changed))
            changed[at] = dice.choice((*_EDGES, dice.randrange(256), changed[at] ^ 1))
    return bytes(changed)


def cut_bytes(data: bytes, dice: random.Random) -> bytes:
    """Cut the end off, take a piece out, or repeat one."""
    if not data:
        return data
    start = dice.randrange(len(data))
    end = min(len(data), start + dice.choice((1, 4, 64, 1024, len(data))))
    return dice.choice(
        (data[:start], data[:start] + data[end:], data[:end] + data[start:], data[start:])
    )


def set_length(data: bytes, dice: random.Random) -> bytes:
    """Write an extreme number of 2, 4 or 8 bytes somewhere, as lengths and sizes are written."""
    width = dice.choice((2, 4, 8))
    if len(data) <= width:
        return data
    at = dice.randrange(min(len(data) - width, 4096) if dice.random() < 0.7 else len(data) - width)
    top = 256**width
    value = dice.choice((0, 1, top - 1, top // 2, top // 2 - 1, dice.randrange(top)))
    return data[:at] + value.to_bytes(width, dice.choice(("big", "little"))) + data[at + width :]


def change_text(data: bytes, dice: random.Random) -> bytes:
    """Replace a number, a word or a line of a text, or move one."""
    kind = dice.random()
    if kind < 0.45:
        return _replaced(data, rb"-?\d+(?:\.\d+)?", dice.choice(_NUMBERS), dice)
    if kind < 0.8:
        return _replaced(data, rb"[A-Za-z_][\w.-]*", dice.choice((*_TEXTS, *_NUMBERS)), dice)
    lines = data.splitlines(keepends=True)
    if lines:
        at = dice.randrange(len(lines))
        what = dice.choice(("drop", "repeat", "move"))
        line = lines.pop(at)
        if what == "repeat":
            lines[at:at] = [line] * dice.choice((2, 50))
        elif what == "move":
            lines.insert(dice.randrange(len(lines) + 1), line)
    return b"".join(lines)


def _replaced(data: bytes, pattern: bytes, by: bytes, dice: random.Random) -> bytes:
    places = list(re.finditer(pattern, data))
    if not places:
        return data + by
    place = dice.choice(places)
    return data[: place.start()] + by + data[place.end() :]


def change_graph(data: bytes, dice: random.Random) -> bytes:
    """Change nodes, names, shapes, attributes or the description of an ONNX model."""
    try:
        model = onnx.load_model_from_string(data)
    except Exception:  # an earlier change broke the file
        return flip_bytes(data, dice)
    try:
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            dice.choice(_GRAPH_CHANGES)(model, dice)
        return bytes(model.SerializeToString())
    except (UnicodeError, ValueError):
        # A change of bytes before left a text that is not UTF-8.
        return flip_bytes(data, dice)


def _reorder(model: ModelProto, dice: random.Random) -> None:
    nodes = list(model.graph.node)
    dice.shuffle(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _drop(model: ModelProto, dice: random.Random) -> None:
    parts = dice.choice((model.graph.node, model.graph.initializer, model.graph.output))
    if parts:
        del parts[dice.randrange(len(parts))]


def _rename(model: ModelProto, dice: random.Random) -> None:
    node = dice.choice(model.graph.node) if model.graph.node else None
    if node is not None and node.input:
        names = [name for other in model.graph.node for name in other.output]
        node.input[dice.randrange(len(node.input))] = dice.choice((*names, "", "nobody"))


def _retype(model: ModelProto, dice: random.Random) -> None:
    if model.graph.node:
        known = ("Relu", "Loop", "If", "Scan", "TopK", "Reshape", "NonMaxSuppression", "Nothing")
        dice.choice(model.graph.node).op_type = dice.choice(known)


def _reshape(model: ModelProto, dice: random.Random) -> None:
    values = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    dims = [dim for value in values for dim in value.type.tensor_type.shape.dim]
    if dims and dice.random() < 0.5:
        dice.choice(dims).dim_value = dice.choice(_SHAPES)
    elif model.graph.initializer:
        tensor = dice.choice(model.graph.initializer)
        if tensor.dims:
            tensor.dims[dice.randrange(len(tensor.dims))] = dice.choice(_SHAPES)


def _revalue(model: ModelProto, dice: random.Random) -> None:
    tensors: list[TensorProto] = [tensor for tensor in model.graph.initializer if tensor.raw_data]
    if tensors:
        tensor = dice.choice(tensors)
        tensor.raw_data = dice.choice((flip_bytes, set_length, cut_bytes))(tensor.raw_data, dice)


def _reattribute(model: ModelProto, dice: random.Random) -> None:
    attributes: list[AttributeProto] = [
        attribute for node in model.graph.node for attribute in node.attribute
    ]
    if attributes:
        attribute = dice.choice(attributes)
        attribute.i = dice.choice((*_SHAPES, -(2**62)))
        if attribute.ints:
            attribute.ints[dice.randrange(len(attribute.ints))] = dice.choice(_SHAPES)


def _reversion(model: ModelProto, dice: random.Random) -> None:
    model.ir_version = dice.choice((0, 3, 10, 99, 2**40))
    if model.opset_import:
        model.opset_import[0].version = dice.choice((0, 1, 7, 18, 99, 2**40))


def _redescribe(model: ModelProto, dice: random.Random) -> None:
    for entry in model.metadata_props:
        # protobuf gives a text that is not UTF-8 as bytes.
        value: str | bytes = entry.value
        text = change_text(value.encode() if isinstance(value, str) else value, dice)
        entry.value = text.decode("utf-8", "replace")


def _nest(model: ModelProto, dice: random.Random) -> None:
    graph = helper.make_graph([], "inner", [], [])
    for _ in range(dice.choice((3, 10, 30))):
        graph = helper.make_graph(
            [helper.make_node("If", [""], ["x"], then_branch=graph)], "g", [], []
        )
    model.graph.node.append(helper.make_node("If", ["nobody"], ["y"], then_branch=graph))


_GRAPH_CHANGES: tuple[Callable[[ModelProto, random.Random], None], ...] = (
    _reorder,
    _drop,
    _rename,
    _retype,
    _reshape,
    _revalue,
    _reattribute,
    _reversion,
    _redescribe,
    _nest,
)

BYTES: tuple[Mutator, ...] = (flip_bytes, flip_bytes, cut_bytes, set_length)
TEXT: tuple[Mutator, ...] = (change_text, change_text, change_text, flip_bytes, cut_bytes)
GRAPH: tuple[Mutator, ...] = (change_graph, change_graph, change_graph, flip_bytes, set_length)
