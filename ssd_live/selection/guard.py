"""Load a model file of unknown origin in a child process first, with limits on time and memory.

A file can make a library loop for ever, take all memory or crash, and it can give outputs that no
model file gives. In a child process it harms nothing. A file that passed is not checked again.
"""

import contextlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssd_live.backends import backend_module, load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.errors import BackendError, ModelFileError, SsdLiveError
from ssd_live.modelfile.file import ModelFile, read_model_file
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.contract import contract_error
from ssd_live.system.atomic_files import sha256
from ssd_live.system.child_process import end_with_parent, own_program, run_child
from ssd_live.system.paths import assets_folder, cache_folder, engines_folder, resolve

GUARD_COMMAND = "check-model"
LIMIT_SECONDS = 60.0
# The weights are held several times while a library optimises a network.
_MEMORY_BYTES, _MEMORY_FACTOR = 4 * 2**30, 10


def guard(model: ModelFile, choice: BackendChoice, notify: Callable[[str], None]) -> None:
    """Check that a backend can load a model file and run it, if its origin is not known.

    These files are not checked: those that ship with the program, those in the folder `models` of
    the engines folder (`engines_folder`), and those that passed before. `notify` gets a line of
    text before a check. Raises `ModelFileError` if the backend needs too much time or memory,
    crashes or fails, or if `contract_error` finds something wrong with the outputs.
    """
    if _is_own(model.path):
        return
    check = Check(
        own_program("ssd_live.selection.guard", GUARD_COMMAND),
        choice.backend,
        backend_module(choice.backend).version(),
        (choice.device, choice.precision),
    )
    check_in_child(check, model.path, model.data, notify)


@dataclass(frozen=True)
class Check:
    """A program that checks a file: it loads the file with a library and computes one image.

    `program` is its command line. The path of a copy of the file, `library` and `words` are added
    to it. `version` is the library's version.
    """

    program: Sequence[str]
    library: str
    version: str
    words: tuple[str, ...] = ()


def check_in_child(check: Check, path: Path, data: bytes, notify: Callable[[str], None]) -> None:
    """Check a file in a child process, if the same check has not passed before.

    `path` is the file's path and `data` its content. `notify` gets a line of text before the check.
    Raises `ModelFileError` if the check needs too much time, crashes or ends with an error.
    """
    key = "-".join((sha256(data), check.library, *check.words, check.version))
    passed = cache_folder() / "checked" / key.replace("/", "_").replace(" ", "_")
    if passed.exists():
        return
    notify(f"{path.stem}: trying the file in a process of its own ...")
    with tempfile.TemporaryDirectory(prefix="ssd_live-") as folder:
        # A copy, because the file itself may change meanwhile.
        copy = Path(folder) / path.name
        copy.write_bytes(data)
        try:
            code, told = run_child(
                [*check.program, str(copy), check.library, *check.words], LIMIT_SECONDS
            )
        except BackendError:
            raise ModelFileError(
                f"{path}: {check.library} did not load it and compute one image within "
                f"{LIMIT_SECONDS:.0f} s; export the network again, or close other programs"
            ) from None
    if code:
        reason = _reason(code, told.replace(f"{copy}: ", ""), check.library)
        raise ModelFileError(f"{path}: {reason.removeprefix(f'{path.stem}: ')}")
    with contextlib.suppress(OSError):
        passed.parent.mkdir(parents=True, exist_ok=True)
        passed.touch()


def is_bundled(path: Path) -> bool:
    """Return whether the file `path` ships with the program."""
    return resolve(path).is_relative_to(resolve(assets_folder()))


def _is_own(path: Path) -> bool:
    return is_bundled(path) or resolve(path).is_relative_to(resolve(engines_folder() / "models"))


def _reason(code: int, told: str, library: str) -> str:
    lines = [line for line in told.splitlines() if line.strip()]
    if code == 1 and lines and lines[-1].startswith("error: "):
        return lines[-1].removeprefix("error: ")
    how = f"crashed (signal {-code})" if code < 0 else f"ended with code {code}"
    return (
        f"{library} {how} while it loaded the file or computed one image; export the network again"
    )


def run_as_child(arguments: Sequence[str]) -> int:
    """Check a model file in a child process that `guard` has started; return the exit code.

    The child process ends when its parent ends. `arguments` are those of `main`.
    """
    end_with_parent()
    return main(arguments)


def main(arguments: Sequence[str]) -> int:
    """Load a model file, compute one image, check the outputs, and return the exit code, 0 or 1.

    The arguments are the model file, the backend, the device and the precision. If there is an
    error, its message is printed to standard error, and the exit code is 1.
    """
    return report_errors(lambda: _try_model(*arguments))


def report_errors(check: Callable[[], None]) -> int:
    """Run a check in its child process, print its error in a line, and return the exit code.

    The exit code is 1 after an error of this program or if there is too little memory, otherwise 0.
    """
    try:
        check()
    except MemoryError:
        print("error: needs too much memory; give a smaller model file", file=sys.stderr)
        return 1
    except SsdLiveError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _try_model(path: str, backend: str, device: str, precision: str) -> None:
    model = read_model_file(Path(path))
    limit_memory(len(model.data))
    options = LoadOptions(device=device, precision=precision)  # type: ignore[arg-type]
    width, height = model.metadata.input_size
    random = np.random.default_rng(0)
    with load_backend(backend, model, options) as loaded:
        image = random.integers(0, 256, (1, height, width, 3), np.uint8)
        wrong = contract_error(loaded.submit(image).result(), model.metadata)
    if wrong:
        raise ModelFileError(f"its outputs are not valid: {wrong}; make the file with `export`")


def limit_memory(file_bytes: int) -> None:
    """Limit the memory of this process, if the system can; the limit grows with `file_bytes`."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        limit = _MEMORY_BYTES + _MEMORY_FACTOR * file_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


if __name__ == "__main__":
    sys.exit(run_as_child(sys.argv[1:]))
