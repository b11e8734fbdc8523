"""The engines of this user: what each was built from, and that nobody changed it since.

An engine is native code, so only one that this user built or imported is ever loaded. Each has a manifest, a JSON file, which carries the
engine's SHA-256 and is signed (HMAC-SHA-256) with a key that only this user can read. The engine's own file is named after its content, so
that two processes that build the same at once do not mix theirs: whoever writes the manifest last wins, and both are whole.
"""

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from ssd_live.errors import ModelFileError, OutputError
from ssd_live.files import atomic_write, engines_folder, reason, rename_new, sha256
from ssd_live.modelfile.file import ModelFile
from ssd_live.tensorrt.builder import BuildOptions
from ssd_live.tensorrt.flavours import FlavourName

_KEY_BYTES = 32
_MANIFEST_SUFFIX, _ENGINE_SUFFIX = ".engine.json", ".engine"


class EngineKey(BaseModel):
    """Everything that an engine depends on: where any of it differs, another engine is needed. `gpu` is empty where it was built without one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    model_sha256: str
    flavour: FlavourName
    version: str
    gpu: str = ""
    compute_capability: str = ""
    driver: str = ""
    precision: Literal["fp16", "fp32"]
    batches: tuple[int, int, int]
    workspace_mb: int
    targets: tuple[str, ...]

    @property
    def digest(self) -> str:
        return sha256(self.model_dump_json().encode())[:16]


class Parity(BaseModel):
    """Whether the engine finds what the float32 file does: `share` of `expected` things, the worse of both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Literal["not run", "passed", "failed"] = "not run"
    share: float = 0.0
    expected: int = 0
    basis: str = ""


class Manifest(BaseModel):
    """What stands beside an engine. `imported` ones were built elsewhere; `seconds` is how long building took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: EngineKey
    engine: str
    engine_sha256: str
    engine_bytes: int
    seconds: float
    created: str
    imported: bool = False
    parity: Parity = Parity()


def key_for(model: ModelFile, flavour: FlavourName, version: str, options: BuildOptions, gpu: tuple[str, str, str] = ("", "", "")) -> EngineKey:
    """`gpu` is name, compute capability and driver version."""
    return EngineKey(
        model=model.name,
        model_sha256=model.sha256,
        flavour=flavour,
        version=version,
        gpu=gpu[0],
        compute_capability=gpu[1],
        driver=gpu[2],
        precision=options.precision,
        batches=options.batches,
        workspace_mb=options.workspace_mb,
        targets=options.targets,
    )


class EngineStore:
    """A folder of engines with their manifests."""

    def __init__(self, folder: Path | None = None, secret: Path | None = None) -> None:
        self.folder = folder or engines_folder() / "tensorrt"
        self._secret = secret or Path(platformdirs.user_config_dir("ssd_live", appauthor=False)) / "engine.key"

    def save(self, key: EngineKey, engine: bytes, seconds: float, *, imported: bool = False, parity: Parity | None = None) -> Manifest:
        """Keep an engine; one of the same key is replaced. Raises `OutputError`."""
        digest = sha256(engine)
        manifest = Manifest(
            key=key,
            engine=f"{key.model}-{key.digest}-{digest[:12]}{_ENGINE_SUFFIX}",
            engine_sha256=digest,
            engine_bytes=len(engine),
            seconds=round(seconds, 2),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            imported=imported,
            parity=parity or Parity(),
        )
        with atomic_write(self.folder / manifest.engine) as file:
            file.write(engine)
        before = self._stored(self._place(key))
        self._write(manifest)
        if before is not None and before.engine != manifest.engine:
            (self.folder / before.engine).unlink(missing_ok=True)
        return manifest

    def note_parity(self, manifest: Manifest, parity: Parity) -> Manifest:
        """Write down what the parity gate found. Raises `OutputError`."""
        noted = manifest.model_copy(update={"parity": parity})
        self._write(noted)
        return noted

    def find(self, key: EngineKey) -> tuple[Manifest, bytes] | None:
        """The engine for a key with its content, checked; None if there is none. Raises `ModelFileError` for one that is not to be trusted."""
        place = self._place(key)
        if not place.is_file():
            return None
        manifest = self.read(place)
        if manifest.key != key:
            raise ModelFileError(f"{place}: is the manifest of another engine; build it again")
        try:
            engine = (self.folder / manifest.engine).read_bytes()
        except OSError as error:
            raise ModelFileError(f"{place}: its engine {manifest.engine} cannot be read ({reason(error)}); build it again") from error
        # What was hashed is what is used: the file is not read a second time.
        if not hmac.compare_digest(sha256(engine), manifest.engine_sha256):
            raise ModelFileError(f"{self.folder / manifest.engine}: was changed since it was built; build it again")
        return manifest, engine

    def read(self, place: Path) -> Manifest:
        """A manifest that this user signed. Raises `ModelFileError`."""
        try:
            content = json.loads(place.read_text(encoding="utf-8"))
            signature = str(content.pop("hmac"))
            manifest = Manifest.model_validate(content)
        except (OSError, ValueError, KeyError, AttributeError, TypeError, ValidationError) as error:
            raise ModelFileError(f"{place}: is no manifest of an engine; build it again") from error
        if not hmac.compare_digest(signature, self._signature(manifest)):
            raise ModelFileError(f"{place}: was not written by you, or was changed; build it again, or `engines import` it if you trust it")
        if Path(manifest.engine).name != manifest.engine:
            raise ModelFileError(f"{place}: names an engine outside its folder; build it again")
        return manifest

    def every(self) -> Iterator[tuple[Path, Manifest | ModelFileError]]:
        """Manifests in the order of their names, or what is wrong with them."""
        for place in sorted(self.folder.glob(f"*{_MANIFEST_SUFFIX}")):
            try:
                yield place, self.read(place)
            except ModelFileError as error:
                yield place, error

    def remove(self, place: Path) -> int:
        """A manifest and its engine; how many bytes that freed."""
        freed = 0
        try:
            named = str(json.loads(place.read_text(encoding="utf-8"))["engine"])
        except (OSError, ValueError, KeyError, TypeError):
            named = ""
        engine = self.folder / Path(named).name if named else None
        for path in (place, engine):
            if path is not None and path.is_file():
                freed += path.stat().st_size
                path.unlink()
        return freed

    def orphans(self) -> list[Path]:
        """Engines that no manifest names: of builds that were cut off."""
        named = {manifest.engine for _, manifest in self.every() if isinstance(manifest, Manifest)}
        return [path for path in sorted(self.folder.glob(f"*{_ENGINE_SUFFIX}")) if path.name not in named]

    def _place(self, key: EngineKey) -> Path:
        return self.folder / f"{key.model}-{key.digest}{_MANIFEST_SUFFIX}"

    def _stored(self, place: Path) -> Manifest | None:
        try:
            return self.read(place)
        except ModelFileError:
            return None

    def _write(self, manifest: Manifest) -> None:
        content = manifest.model_dump(mode="json") | {"hmac": self._signature(manifest)}
        with atomic_write(self._place(manifest.key)) as file:
            file.write(json.dumps(content, indent=1).encode() + b"\n")

    def _signature(self, manifest: Manifest) -> str:
        return hmac.new(self._own_key(), manifest.model_dump_json().encode(), hashlib.sha256).hexdigest()

    def _own_key(self) -> bytes:
        """This user's key, made at first use and readable by nobody else. Raises `OutputError`."""
        if not self._secret.is_file():
            self._make_key()
        try:
            key = self._secret.read_bytes()
        except OSError as error:
            raise OutputError(
                f"{self._secret}: the key that engines are signed with cannot be read ({reason(error)}); check its permissions"
            ) from error
        if len(key) != _KEY_BYTES:
            raise OutputError(f"{self._secret}: is no key; delete it, and build the engines again")
        return key

    def _make_key(self) -> None:
        """Whole from the first moment: another process may want it at the same time, and then has its own taken instead."""
        try:
            self._secret.parent.mkdir(parents=True, exist_ok=True)
            # Made readable by its owner alone.
            handle, name = tempfile.mkstemp(dir=self._secret.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
            with contextlib.suppress(FileExistsError):
                rename_new(Path(name), self._secret)
            Path(name).unlink(missing_ok=True)
        except OSError as error:
            message = f"{self._secret}: the key that engines are signed with cannot be made ({reason(error)}); make the folder writable"
            raise OutputError(message) from error
