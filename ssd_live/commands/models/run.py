"""`models list` and `models info`: show the models and their metadata."""

import json
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from ssd_live.errors import ModelFileError
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model, model_paths
from ssd_live.modelfile.file import ModelFile, read_model_file


def show_list(as_json: bool) -> None:
    """Print all models that `--model` accepts by name, as a table or as JSON.

    A damaged model file is reported on stderr, and the other models are still printed.
    """
    models: list[ModelFile] = []
    messages: list[str] = []
    for path in model_paths().values():
        try:
            models.append(read_model_file(path))
        except ModelFileError as error:
            messages.append(str(error))
    if as_json:
        print(json.dumps([_facts(model) for model in models], indent=1, ensure_ascii=False))
    else:
        table = Table(
            *(
                Column(name, no_wrap=True)
                for name in ("name", "classes", "input", "MB", "licence", "where")
            ),
            box=None,
            pad_edge=False,
        )
        for model in models:
            facts = _facts(model)
            name = f"{model.name} (default)" if model.name == DEFAULT_MODEL else model.name
            size = f"{facts['input_size'][0]} x {facts['input_size'][1]}"
            table.add_row(
                name,
                str(len(model.metadata.classes)),
                size,
                f"{len(model.data) / 1e6:.1f}",
                facts["licence"],
                facts["file"],
            )
        # Wider than any terminal, so that no path is cut off.
        Console(width=400).print(table)
    for line in messages:
        Console(stderr=True).print(f"error: {line}", markup=False, highlight=False, soft_wrap=True)


def show_info(name: str, as_json: bool) -> None:
    """Print the metadata of a model, as text or as JSON. `name` is its name or model file.

    Raises `UnknownModelError` if there is no such model, and `ModelFileError` if the file is not a
    model file.
    """
    facts = _facts(find_model(name))
    if as_json:
        print(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    width = max(len(key) for key in facts)
    for key, value in facts.items():
        text = (
            ", ".join(str(part) for part in value)
            if isinstance(value, list | tuple)
            else str(value)
        )
        print(f"{key.replace('_', ' '):{width}}  {text}")


def _facts(model: ModelFile) -> dict[str, Any]:
    facts = model.metadata.model_dump()
    facts["agreement_sample"] = f"{len(model.metadata.agreement_sample)} frames"
    return {
        "name": model.name,
        "file": str(model.path),
        "bytes": len(model.data),
        "sha256": model.sha256,
        **facts,
    }
