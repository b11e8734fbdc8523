"""Store the engines of this user.

The store keeps what each engine was built from, and checks that nobody has changed the engine
since.

An engine is native code, so only an engine that this user built or imported is ever loaded. Each
engine has a manifest, a JSON file. The manifest contains the engine's SHA-256 and is signed
(HMAC-SHA-256) with a key that only this user can read. Every engine file has a unique name, so that
two processes that build the same engine at the same time do not mix their files. Both engines are
complete, and the manifest that is written last is kept.
"""

import contextlib
import errno
import hashlib
import hmac
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ssd_live.backends.tensorrt.builder import BuildOptions
from ssd_live.backends.tensorrt.device import Gpu
from ssd_live.backends.tensorrt.variants import VariantName
from ssd_live.errors import ModelFileError, OutputError
from ssd_live.modelfile.file import ModelFile
from ssd_live.system.atomic_files import atomic_write, os_error_text, rename_new, sha256
from ssd_live.system.paths import engines_folder

_KEY_BYTES = 32
_MANIFEST_SUFFIX, _ENGINE_SUFFIX = ".engine.json", ".engine"
# Temporary files that `atomic_write` leaves if its process is killed.
_UNFINISHED = ".ssd_live-*"
# A younger engine without a manifest may belong to a process that is about to write the manifest.
_LEFT_SECONDS = 60.0

# Manifests of other users are printed before anybody trusts them, so they must not contain control
# characters for the terminal.
_Line = Annotated[str, Field(pattern=r"^[ -~]*$", max_length=200)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class EngineKey(BaseModel):
    """Everything that an engine depends on. If any part differs, another engine is needed.

    `model` is the name of the model, and `model_sha256` the SHA-256 of its file. `flavour` is the
    library and `version` its version. `gpu` (its name), `compute_capability` and `driver` describe
    the GPU as in `Gpu`, and are empty if the engine was built without a GPU. `batches` are the
    smallest, the usual and the largest number of images in a batch. The other fields are those of
    `BuildOptions`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The name becomes part of file names.
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    model_sha256: _Sha256
    flavour: VariantName
    version: _Line
    gpu: _Line = ""
    compute_capability: _Line = ""
    driver: _Line = ""
    precision: Literal["fp16", "fp32"]
    batches: tuple[int, int, int]
    workspace_mb: int
    targets: tuple[_Line, ...]
    version_compatible: bool = False
    hardware_compatible: bool = False

    @property
    def digest(self) -> str:
        """The first 16 hex digits of the SHA-256 of this `EngineKey`, as used in its file names."""
        return sha256(self.model_dump_json().encode())[:16]


class Parity(BaseModel):
    """The result of the engine check: whether the engine finds what the float32 model file finds.

    `basis` is what was compared, `detections` or `boxes`. `expected` is the number of detections or
    boxes that the float32 file finds. `share` (0..1) is the smaller of two shares: how many of the
    float32 file's detections or boxes the engine also finds, and how many of the engine's the
    float32 file also finds. `state` is `forced` if the check failed and the user uses the engine
    anyway.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Literal["not run", "passed", "failed", "forced"] = "not run"
    share: float = 0.0
    expected: int = 0
    basis: str = ""


class Manifest(BaseModel):
    """The description of an engine, which is stored beside the engine.

    `engine` is the name of the engine's file. `seconds` is how long the build took. `created` is
    the time in UTC in ISO 8601. `imported` means that the engine was built elsewhere. `parity` is
    the result of the engine check.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: EngineKey
    engine: str
    engine_sha256: _Sha256
    engine_bytes: int
    seconds: float
    created: _Line
    imported: bool = False
    parity: Parity = Parity()


def key_for(
    model: ModelFile,
    flavour: VariantName,
    version: str,
    options: BuildOptions,
    gpu: Gpu | None = None,
) -> EngineKey:
    """Return the key of the engine that is built from `model` with `options`.

    `flavour` is the library and `version` its version. `gpu` is the GPU that the engine is built
    on, or None if it is built without a GPU.
    """
    here = gpu or Gpu("", "", "")
    return EngineKey(
        model=model.name,
        model_sha256=model.sha256,
        flavour=flavour,
        version=version,
        gpu=here.name,
        compute_capability=here.capability,
        driver=here.driver,
        precision=options.precision,
        batches=options.batches,
        workspace_mb=options.workspace_mb,
        targets=options.targets,
        version_compatible=options.version_compatible,
        hardware_compatible=options.hardware_compatible,
    )


class SignedFile:
    """A file that begins with the HMAC of its content, so that only this user can have written it.

    `key` is this user's signing key.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path, self._key = path, key

    def load(self) -> bytes:
        """Return the content, or empty bytes if the file is missing or its signature is wrong."""
        try:
            content = self._path.read_bytes()
        except OSError:
            return b""
        signature, data = (
            content[: hashlib.sha256().digest_size],
            content[hashlib.sha256().digest_size :],
        )
        return data if hmac.compare_digest(signature, self._sign(data)) else b""

    def save(self, data: bytes) -> None:
        """Write `data` with its signature, and replace the earlier content.

        Errors are ignored, because the file only saves time: without it, the next build measures
        the kernels again.
        """
        with contextlib.suppress(OutputError), atomic_write(self._path) as file:
            file.write(self._sign(data) + data)

    def _sign(self, data: bytes) -> bytes:
        return hmac.new(self._key, data, hashlib.sha256).digest()


class EngineStore:
    """A folder of engines with their manifests.

    `secret` is the file of the key that signs the files of the store. If `folder` or `secret` is
    None, the user's own folder or key file is used.
    """

    def __init__(self, folder: Path | None = None, secret: Path | None = None) -> None:
        self.folder = folder or engines_folder() / "tensorrt"
        self._secret = (
            secret or Path(platformdirs.user_config_dir("ssd_live", appauthor=False)) / "engine.key"
        )

    def save(
        self,
        key: EngineKey,
        engine: bytes,
        seconds: float,
        *,
        imported: bool = False,
        parity: Parity | None = None,
    ) -> Manifest:
        """Store an engine and return its manifest. An engine with the same key is replaced.

        `engine` is the serialised engine, and `seconds` how long its build took. `imported` is
        whether it was built elsewhere. `parity` is the result of the engine check, or None if it
        has not run. Raises `OutputError` if a file cannot be written.
        """
        manifest = Manifest(
            key=key,
            engine=f"{key.model}-{key.digest}-{secrets.token_hex(6)}{_ENGINE_SUFFIX}",
            engine_sha256=sha256(engine),
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
        if before is not None:
            # On Windows a file that is being read cannot be removed. `orphans` finds it later.
            with contextlib.suppress(OSError):
                (self.folder / before.engine).unlink()
        return manifest

    def note_parity(self, manifest: Manifest, parity: Parity) -> Manifest:
        """Store `parity`, the result of the engine check, and return the new manifest.

        `manifest` is the manifest of the engine that was checked. Nothing is written if another
        engine has replaced this engine in the store. Raises `OutputError` if the manifest cannot be
        written.
        """
        noted = manifest.model_copy(update={"parity": parity})
        now = self._stored(self._place(manifest.key))
        if now is not None and now.engine == manifest.engine:
            self._write(noted)
        return noted

    def find(self, key: EngineKey) -> tuple[Manifest, bytes] | None:
        """Return the manifest and the content of the engine for a key, or None if there is none.

        Raises `ModelFileError` if the manifest or the engine is damaged, was changed, or was not
        signed by this user.
        """
        place = self._place(key)
        if not place.is_file():
            return None
        manifest = self.read(place)
        if manifest.key != key:
            raise ModelFileError(
                f"{place}: is the manifest of another engine; build the engine again"
            )
        try:
            engine = (self.folder / manifest.engine).read_bytes()
        except OSError as error:
            if self._stored(place) != manifest:
                # Another process has replaced or removed both files.
                return self.find(key)
            raise ModelFileError(
                f"{place}: its engine {manifest.engine} cannot be read ({os_error_text(error)}); "
                "build the engine again"
            ) from error
        # The bytes that are hashed are the bytes that are used. The file is not read again, because
        # it could change in between.
        if not hmac.compare_digest(sha256(engine), manifest.engine_sha256):
            raise ModelFileError(
                f"{self.folder / manifest.engine}: was changed since it was built; build "
                "the engine again"
            )
        return manifest, engine

    def read(self, place: Path) -> Manifest:
        """Read the manifest file `place`, check its signature, and return the manifest.

        Raises `ModelFileError` if the file is damaged or this user did not sign it.
        """
        try:
            content = json.loads(place.read_text(encoding="utf-8"))
            signature = str(content.pop("hmac"))
            manifest = Manifest.model_validate(content)
        except (
            OSError,
            ValueError,
            KeyError,
            AttributeError,
            TypeError,
            RecursionError,
            ValidationError,
        ) as error:
            raise ModelFileError(
                f"{place}: is not an engine manifest; build the engine again"
            ) from error
        if not hmac.compare_digest(
            signature.encode("utf-8", "replace"), self._signature(manifest).encode()
        ):
            raise ModelFileError(
                f"{place}: was not written by you, or was changed; build the engine again, or run "
                "`engines import` if you trust it"
            )
        if Path(manifest.engine).name != manifest.engine:
            raise ModelFileError(
                f"{place}: names an engine outside its folder; build the engine again"
            )
        if place.name != self._place(manifest.key).name:
            raise ModelFileError(
                f"{place}: is the manifest of another engine; build the engine again"
            )
        return manifest

    def every(self) -> Iterator[tuple[Path, Manifest | ModelFileError]]:
        """Yield the path of each manifest file in the store, sorted by name, with its manifest.

        If a manifest is damaged or not signed by this user, yield the path with the error instead.
        """
        for place in sorted(self.folder.glob(f"*{_MANIFEST_SUFFIX}")):
            if place.is_file():
                try:
                    yield place, self.read(place)
                except ModelFileError as error:
                    yield place, error

    def remove(self, place: Path) -> int:
        """Remove the manifest file `place` and its engine, and return how many bytes that freed.

        The engine file stays if another valid manifest also names it.
        """
        try:
            named = str(json.loads(place.read_text(encoding="utf-8"))["engine"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            named = ""
        freed = _unlinked(place)
        if named not in self._named():
            # The manifest may be forged, so its name is only compared with the files of the store
            # and never used as a path.
            freed += sum(
                _unlinked(path)
                for path in self.folder.glob(f"*{_ENGINE_SUFFIX}")
                if path.name == named
            )
        return freed

    def orphans(self) -> list[Path]:
        """Return the paths of engines that no manifest names, and of unfinished files.

        Builds that were killed leave such files. Files younger than a minute are not returned.
        """
        named = self._named()
        paths = sorted((*self.folder.glob(f"*{_ENGINE_SUFFIX}"), *self.folder.glob(_UNFINISHED)))
        return [
            path
            for path in paths
            if path.name not in named and path.is_file() and _age(path) > _LEFT_SECONDS
        ]

    def remove_orphans(self) -> tuple[int, int]:
        """Remove the files that `orphans` returns. Return (number of files, bytes freed)."""
        freed = [_unlinked(path) for path in self.orphans()]
        return len(freed), sum(freed)

    def prepare(self) -> None:
        """Check that engines can be stored. Call this before a long build.

        Raises `OutputError` if the folder or the signing key cannot be written.
        """
        self._own_key()
        try:
            if self.folder.exists() and not self.folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            self.folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.folder).close()
        except OSError as error:
            raise OutputError(
                f"{self.folder}: engines cannot be written there ({os_error_text(error)}); choose "
                "another folder with -o or SSD_LIVE_ENGINES"
            ) from error

    def timings(self, flavour: VariantName, version: str) -> "SignedFile":
        """Return the file of the timing cache of a library, which need not exist yet.

        It keeps the times of GPU kernels that the library measured while it built engines, so that
        later builds need not measure them again. `flavour` is the library and `version` its
        version. Raises `OutputError` if the signing key cannot be read or created.
        """
        return SignedFile(self.folder / f"{flavour}-{version}.timings", self._own_key())

    def _named(self) -> set[str]:
        """Return the file names of the engines that valid manifests name."""
        return {manifest.engine for _, manifest in self.every() if isinstance(manifest, Manifest)}

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
        return hmac.new(
            self._own_key(), manifest.model_dump_json().encode(), hashlib.sha256
        ).hexdigest()

    def _own_key(self) -> bytes:
        """Return this user's signing key, 32 random bytes. Create its file if there is none.

        Only this user can read the file. Raises `OutputError` if the key cannot be read or
        created, if other users may write its file, or if the file has another size.
        """
        if not self._secret.is_file():
            self._make_key()
        try:
            key = self._secret.read_bytes()
        except OSError as error:
            raise OutputError(
                f"{self._secret}: the key that engines are signed with cannot be read "
                f"({os_error_text(error)}); make the file readable"
            ) from error
        if os.name == "posix" and self._secret.stat().st_mode & 0o022:
            raise OutputError(
                f"{self._secret}: other users can change this key that signs engines; delete "
                "this file and build the engines again"
            )
        if len(key) != _KEY_BYTES:
            raise OutputError(
                f"{self._secret}: is not a signing key; delete this file and build the engines "
                "again"
            )
        return key

    def _make_key(self) -> None:
        """Create the key file in one step, so that no process ever reads an incomplete key.

        If another process creates the file at the same time, the file that exists first is kept.
        Raises `OutputError` if the file cannot be created.
        """
        try:
            self._secret.parent.mkdir(parents=True, exist_ok=True)
            # `mkstemp` makes a file that only its owner can read.
            handle, name = tempfile.mkstemp(dir=self._secret.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(secrets.token_bytes(_KEY_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):
                    rename_new(Path(name), self._secret)
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            message = (
                f"{self._secret}: the key that engines are signed with cannot be made "
                f"({os_error_text(error)}); make the folder writable"
            )
            raise OutputError(message) from error


def _unlinked(path: Path) -> int:
    """Remove a file and return how many bytes that freed, or 0 if the file no longer exists."""
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return size


def _age(path: Path) -> float:
    """Return the age of a file in seconds, or 0 if it no longer exists."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
