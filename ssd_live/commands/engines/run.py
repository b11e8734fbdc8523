"""`engines list`, `engines clean` and `engines import`: manage the engines on this machine."""

import json
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Column, Table

from ssd_live.backends.tensorrt.store import EngineStore, Manifest, Parity
from ssd_live.errors import CancelledError, ModelFileError, UsageError
from ssd_live.modelfile.catalogue import model_paths
from ssd_live.system.atomic_files import sha256


def show_list(as_json: bool) -> None:
    """Print every engine in the engine store, as a table or, if `as_json` is true, as JSON.

    The table also shows engines that the program refuses to load. A note for each of them, below
    the table, says why. The JSON leaves them out.
    """
    store = EngineStore()
    rows = list(store.every())
    if as_json:
        print(
            json.dumps(
                [found.model_dump(mode="json") for _, found in rows if isinstance(found, Manifest)],
                indent=1,
            )
        )
        return
    names = ("model", "runtime", "precision", "batches", "for", "MiB", "parity", "file")
    table = Table(
        *(
            Column(name, no_wrap=True, justify="right" if name == "MiB" else "left")
            for name in names
        ),
        box=None,
        pad_edge=False,
    )
    for place, found in rows:
        if isinstance(found, Manifest):
            key = found.key
            batches = "-".join(
                str(batch) for batch in dict.fromkeys((key.batches[0], key.batches[2]))
            )
            where = ", ".join(key.targets) or key.gpu or "any GPU it supports"
            size = f"{found.engine_bytes / 2**20:.1f}"
            table.add_row(
                key.model,
                f"{key.flavour} {key.version}",
                key.precision,
                batches,
                where,
                size,
                _parity(found.parity),
                found.engine,
            )
        else:
            table.add_row("?", "", "", "", "", "", "refused", place.name)
    Console(width=200, emoji=False).print(table, markup=False)
    for _, found in rows:
        if isinstance(found, ModelFileError):
            print(f"note: {found}")
    print(f"{len(rows)} engines in {store.folder}")


def clean(everything: bool) -> None:
    """Remove engines that can no longer be used, or all engines if `everything` is True.

    Engines can no longer be used if their model has changed or if the program refuses to load
    them. Files of builds that did not finish are removed too. Engines of models that `models list`
    does not show are kept, because their model file may be in another folder.
    """
    store = EngineStore()
    present = {name: sha256(path.read_bytes()) for name, path in model_paths().items()}
    freed = count = 0
    for place, found in list(store.every()):
        if (
            everything
            or isinstance(found, ModelFileError)
            or found.key.model_sha256 != present.get(found.key.model, found.key.model_sha256)
        ):
            freed += store.remove(place)
            count += 1
    left, left_bytes = store.remove_orphans()
    print(f"{count + left} removed, {(freed + left_bytes) / 2**20:.1f} MiB freed")


def import_file(file: Path, yes: bool) -> None:
    """Copy the engine `file`, which was built on another machine, to the engine store.

    Its manifest must be in the same folder. The user is asked to confirm, unless `yes` is True.
    Raises `UsageError` if the file does not exist, `ModelFileError` if the manifest is missing or
    does not match, and `CancelledError` if the user declines.
    """
    if not file.is_file():
        raise UsageError(f"{file}: there is no such engine; check the path")
    manifest = _foreign_manifest(file)
    engine = file.read_bytes()
    if sha256(engine) != manifest.engine_sha256:
        raise ModelFileError(
            f"{file}: is not the engine that its manifest describes; copy the engine and its "
            "manifest again"
        )
    print(
        f"{file}: {manifest.key.model}, {manifest.key.flavour} {manifest.key.version}, "
        f"{manifest.key.precision}, built {manifest.created}"
    )
    print(
        "An engine is native code, which runs with all your rights. Import only engines that you "
        "or someone you trust built."
    )
    if not yes and not typer.confirm("Import it?", default=False):
        raise CancelledError("nothing was imported")
    store = EngineStore()
    kept = store.save(manifest.key, engine, manifest.seconds, imported=True, parity=Parity())
    print(f"imported: {store.folder / kept.engine}")


def _foreign_manifest(file: Path) -> Manifest:
    """Return the manifest of the engine `file`, which was built on another machine.

    The manifest is the `.engine.json` file in the same folder that names this engine. The signature
    in it is ignored, because it was made with the key of another user. Raises `ModelFileError` if
    there is no such manifest.
    """
    for place in sorted(file.parent.glob("*.engine.json")):
        try:
            content = json.loads(place.read_text(encoding="utf-8"))
            content.pop("hmac", None)
            manifest = Manifest.model_validate(content)
        except (OSError, ValueError, AttributeError, TypeError, RecursionError):
            continue
        if manifest.engine == file.name:
            return manifest
    raise ModelFileError(
        f"{file}: has no manifest (.engine.json) beside it; copy the manifest to the same folder, "
        "or build the engine here with `build`"
    )


def _parity(parity: Parity) -> str:
    return (
        parity.state
        if parity.state == "not run"
        else f"{parity.state} ({parity.share:.1%} of {parity.expected})"
    )
