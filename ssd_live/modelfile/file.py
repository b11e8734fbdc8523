"""Read, check and write model files."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
from onnx import ModelProto, NodeProto, TensorProto
from pydantic import ValidationError

from ssd_live.errors import ModelFileError
from ssd_live.modelfile.metadata import METADATA_KEY, Metadata
from ssd_live.modelfile.nms import BOXES, OUTPUTS, SCORES
from ssd_live.system.atomic_files import atomic_write, os_error_text, sha256

# A protobuf message cannot be larger.
MAX_BYTES = 2 * 1024**3 - 1
# The largest network of the zoo has a few hundred nodes and tensors.
_MAX_NODES = _MAX_TENSORS = 20_000


@dataclass(frozen=True)
class ModelFile:
    """The content and the description of a model file, which were checked.

    `path` is where the file is or will be written. `data` is the content, which backends load.
    `sha256` is the hexadecimal hash of the content.
    """

    path: Path
    data: bytes
    sha256: str
    metadata: Metadata

    @property
    def name(self) -> str:
        """The name of the model, from its metadata."""
        return self.metadata.name


def read_model_file(path: Path) -> ModelFile:
    """Read the model file `path`, check it, and return it.

    Raises `ModelFileError` if the file is missing, is not ONNX, keeps weights in another file, has
    no `ssd_live` metadata, or has the wrong input or outputs.
    """
    try:
        if path.exists() and not path.is_file():
            raise ModelFileError(
                f"{path}: is not a regular file; give a model file made by `export`"
            )
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ModelFileError(
                f"{path}: {size / 2**30:.1f} GiB is more than an ONNX file can hold; give a model "
                "file made by `export`"
            )
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"{path}: the model file cannot be read ({os_error_text(error)}); give the path of a "
            "model file made by `export`"
        ) from error
    model = parse(data, path)
    return ModelFile(path, data, sha256(data), metadata_of(model, path))


def parse(data: bytes, path: Path) -> ModelProto:
    """Return the ONNX model in `data`, after checking that `ssd_live` can run it.

    `path` is only for messages. Raises `ModelFileError` if the data are not ONNX, break its rules,
    are too large a graph, keep weights in another file, or have the wrong input or outputs.
    """
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:
        # protobuf raises a class of its own, which depends on its implementation.
        raise ModelFileError(
            f"{path}: is not an ONNX file; give a model file made by `export`"
        ) from error
    if not model.graph.node:
        raise ModelFileError(
            f"{path}: is not an ONNX file with a network in it; give a model file made by `export`"
        )
    tensors, nodes = _parts(model)
    if len(tensors) > _MAX_TENSORS or len(nodes) > _MAX_NODES:
        raise ModelFileError(
            f"{path}: has {len(nodes)} nodes and {len(tensors)} tensors, more than {_MAX_NODES}; "
            "give a model file made by `export`"
        )
    for tensor in tensors:
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            place = {entry.key: entry.value for entry in tensor.external_data}.get(
                "location", "another file"
            )
            raise ModelFileError(
                f"{path}: keeps weights in another file ({place!r}), which is not allowed; save "
                "the model with its weights inside, or make the file with `export`"
            )
    _check_ends(model, path)
    try:
        # Runtimes trust these rules: one loops for ever where the nodes are in a wrong order.
        onnx.checker.check_model(data)
    except Exception as error:
        # A library in C++ raises its own classes, and a wrong text raises `UnicodeDecodeError`.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelFileError(
            f"{path}: is not valid ONNX ({reason}); give a model file made by `export`"
        ) from error
    return model


def metadata_of(model: ModelProto, path: Path) -> Metadata:
    """Return the description that the model file `model` contains, after checking it.

    `path` is only for messages. Raises `ModelFileError` if the description is missing, has a wrong
    value, or differs from the graph.
    """
    texts = [entry.value for entry in model.metadata_props if entry.key == METADATA_KEY]
    if not texts:
        raise ModelFileError(
            f"{path}: has no {METADATA_KEY!r} metadata (class names, input scaling); make the "
            "file with `export`"
        )
    try:
        metadata = Metadata.model_validate_json(texts[0])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the top level"
        raise ModelFileError(
            f"{path}: its {METADATA_KEY!r} metadata is wrong at {where} ({first['msg']}); make "
            "the file again with `export`"
        ) from error
    _check_against_graph(model, metadata, path)
    return metadata


def to_bytes(model: ModelProto, metadata: Metadata) -> bytes:
    """Return the content of a model file: the model with `metadata` as its description.

    The description also replaces the old one in `model` itself. The same model and description
    always give the same bytes. Raises `ModelFileError` if ONNX's checker finds an error in the
    model.
    """
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, metadata.model_dump_json()
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelFileError(
            f"the graph made for {metadata.name} is not valid ONNX: {str(error).splitlines()[0]}; "
            "please report this error"
        ) from error
    return bytes(model.SerializeToString(deterministic=True))


def changed(model: ModelFile, edit: Callable[[ModelProto], None], **updates: object) -> ModelFile:
    """Return a changed copy of a model file; no file is written.

    `edit` is called with the ONNX model of the copy and changes it in place. `updates` replace
    fields of the metadata of the copy. Raises `ModelFileError` if ONNX's checker finds an error in
    the changed model.
    """
    proto = onnx.load_model_from_string(model.data)
    edit(proto)
    metadata = model.metadata.model_copy(update=updates)
    data = to_bytes(proto, metadata)
    return replace(model, data=data, sha256=sha256(data), metadata=metadata)


def write_model_file(path: Path, model: ModelFile) -> None:
    """Write a model file to `path`.

    The file is written completely or not at all. Raises `OutputError` if it cannot be written.
    """
    with atomic_write(path) as file:
        file.write(model.data)


def _check_ends(model: ModelProto, path: Path) -> None:
    initializers = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in initializers]
    if [value.name for value in inputs] != ["image"] or inputs[
        0
    ].type.tensor_type.elem_type != TensorProto.UINT8:
        raise ModelFileError(
            f"{path}: must have exactly one input, `image` (uint8, B x H x W x 3); make the file "
            "with `export`"
        )
    outputs = {value.name for value in model.graph.output}
    missing = [name for name in OUTPUTS if name not in outputs]
    if missing:
        raise ModelFileError(
            f"{path}: the output {missing[0]!r} is missing; a model file has the outputs "
            f"{', '.join(OUTPUTS)}; make the file with `export`"
        )
    made = {name for node in model.graph.node for name in node.output}
    for name in (BOXES, SCORES):
        if name not in made:
            raise ModelFileError(
                f"{path}: has no tensor {name!r} before its NMS; make the file with `export`"
            )


def _parts(model: ModelProto) -> tuple[list[TensorProto], list[NodeProto]]:
    """Return all tensors with constant values and all nodes of the model.

    The tensors are the initializers and constants of the graph, of every graph inside it, and of
    the model's functions and training graphs.
    """
    tensors: list[TensorProto] = []
    nodes = [node for function in model.functions for node in function.node]
    graphs = [
        model.graph,
        *(graph for info in model.training_info for graph in (info.algorithm, info.initialization)),
    ]
    seen = 0
    while graphs or seen < len(nodes):
        if graphs:
            graph = graphs.pop()
            tensors.extend(graph.initializer)
            tensors.extend(
                part
                for sparse in graph.sparse_initializer
                for part in (sparse.values, sparse.indices)
            )
            nodes.extend(graph.node)
        for node in nodes[seen:]:
            for attribute in node.attribute:
                sparse_tensors = [attribute.sparse_tensor, *attribute.sparse_tensors]
                tensors.extend(
                    [
                        attribute.t,
                        *attribute.tensors,
                        *(part for one in sparse_tensors for part in (one.values, one.indices)),
                    ]
                )
                graphs.extend([attribute.g] if attribute.HasField("g") else [])
                graphs.extend(attribute.graphs)
        seen = len(nodes)
    return tensors, nodes


def _check_against_graph(model: ModelProto, metadata: Metadata, path: Path) -> None:
    """Check that the metadata has the same input size and number of classes as the graph.

    If the graph leaves one of them open, any value is accepted. `path` is only for messages. Raises
    `ModelFileError` if the input size or the number of classes differs.
    """
    values = {value.name: value for value in (*model.graph.input, *model.graph.value_info)}

    def sizes(name: str) -> list[int]:
        return (
            [dim.dim_value for dim in values[name].type.tensor_type.shape.dim]
            if name in values
            else []
        )

    width, height = metadata.input_size
    found_input, found_scores = sizes("image"), sizes(SCORES)
    if len(found_input) == 4 and any(
        found not in (0, wanted)
        for found, wanted in zip(found_input[1:3], (height, width), strict=True)
    ):
        raise ModelFileError(
            f"{path}: its metadata gives an input size of {width} x {height} pixels, but its graph "
            f"takes {found_input[2]} x {found_input[1]}; make the file again with `export`"
        )
    if len(found_scores) == 3 and found_scores[2] not in (0, len(metadata.classes)):
        raise ModelFileError(
            f"{path}: its metadata names {len(metadata.classes)} classes, but its graph has scores "
            f"for {found_scores[2]}; make the file again with `export`"
        )
