"""Engines built, listed, cleaned and imported through the commands."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ssd_live.backends.tensorrt.device import Gpu
from ssd_live.commands.build_engine import run as command
from ssd_live.errors import MissingPackageError
from ssd_live.modelfile.catalogue import DEFAULT_MODEL
from ssd_live.modelfile.file import write_model_file
from ssd_live.system.paths import assets_folder
from tests.conftest import Answer
from tests.e2e.conftest import CHECKOUT
from tests.tiny_model import tiny_model

pytest.importorskip("tensorrt_rtx")

Command = Callable[..., Answer]
_LONGEST_SECONDS = 60
# Built in a fifth of a second; it has nothing to compute in half precision.
TINY = ("build", "tiny", "--precision", "fp32")


class Places(NamedTuple):
    """Of one user."""

    engines: Path
    config: Path

    @property
    def store(self) -> Path:
        return self.engines / "tensorrt"


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    made = Places(tmp_path / "engines", tmp_path / "config")
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(made.engines))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(made.config))
    write_tiny(made)
    return made


def write_tiny(places: Places, score: float = 0.9) -> None:
    write_model_file(
        places.engines / "models" / "tiny.onnx", tiny_model([[0.1, 0.1, 0.5, 0.5]], [[score, 0.1]])
    )


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def engine_in(folder: Path) -> Path:
    (found,) = folder.glob("*.engine")
    return found


def manifest_in(folder: Path) -> Path:
    (found,) = folder.glob("*.engine.json")
    return found


def error_of(answer: Answer, code: int) -> str:
    """The one line."""
    assert answer.code == code, answer
    assert "Traceback" not in answer.err
    (line,) = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    return line


def listed(ssd: Command) -> list[dict[str, object]]:
    found = json.loads(ssd("engines", "list", "--json").out)
    assert isinstance(found, list)
    return found


def test_an_engine_of_the_default_model_is_built_in_half_precision(
    ssd: Command, places: Places
) -> None:
    answer = ssd("build", DEFAULT_MODEL)
    assert answer.code == 0, answer.err
    first, second = answer.out.splitlines()
    assert first.startswith(f"written: {engine_in(places.store)} (")
    assert second.startswith("parity with float32: not run")
    assert f"building {DEFAULT_MODEL} with TensorRT-RTX" in answer.err
    (manifest,) = listed(ssd)
    key = manifest["key"]
    assert isinstance(key, dict)
    assert (key["precision"], key["batches"], key["targets"], key["gpu"]) == (
        "fp16",
        [1, 1, 8],
        [],
        "",
    )


def test_what_is_built_already_is_not_built_again_unless_forced(
    ssd: Command, places: Places
) -> None:
    assert ssd(*TINY).code == 0
    before = engine_in(places.store)
    again = ssd(*TINY)
    assert (again.code, again.out) == (
        0,
        f"{before}: exists already; give --force to build it again\n",
    )
    assert ssd(*TINY, "--force").code == 0
    assert not before.exists()
    assert len(files(places.store)) == 2


def test_other_options_are_another_engine(ssd: Command) -> None:
    for more in (
        (),
        ("--batch", "4"),
        ("--batch", "1,2,4"),
        ("--workspace", "512"),
        ("--targets", "sm89"),
    ):
        assert ssd(*TINY, *more).out.startswith("written: ")
    assert len(listed(ssd)) == 5


def test_the_same_targets_in_another_order_are_the_same_engine(ssd: Command) -> None:
    assert ssd(*TINY, "--targets", "sm86,sm89").out.startswith("written: ")
    assert "exists already" in ssd(*TINY, "--targets", " SM89, sm86,sm86,").out


def test_a_changed_engine_is_told_of_and_built_again(ssd: Command, places: Places) -> None:
    ssd(*TINY)
    engine_in(places.store).write_bytes(b"something else")
    again = ssd(*TINY)
    assert again.code == 0
    assert "note: " in again.err
    assert "was changed since it was built" in again.err
    assert again.out.startswith("written: ")
    assert "exists already" in ssd(*TINY).out


def test_a_changed_model_is_built_anew(ssd: Command, places: Places) -> None:
    ssd(*TINY)
    write_tiny(places, score=0.8)
    assert ssd(*TINY).out.startswith("written: ")


def test_another_folder_takes_the_engine_with_its_manifest(
    ssd: Command, places: Places, tmp_path: Path
) -> None:
    assert ssd(*TINY, "-o", tmp_path / "else" / "where").code == 0
    assert len(files(tmp_path / "else" / "where")) == 2
    assert files(places.store) == []
    assert "exists already" in ssd(*TINY, "-o", tmp_path / "else" / "where").out


def test_an_engine_for_other_gpus_is_another_engine(ssd: Command) -> None:
    assert ssd(*TINY).code == 0
    other = ("--targets", "sm89")
    assert ssd(*TINY, *other).out.startswith("written: ")
    assert "exists already" in ssd(*TINY, *other).out
    keys: list[Any] = [entry["key"] for entry in listed(ssd)]
    assert sorted(len(key["targets"]) for key in keys) == [0, 1]
    answer = ssd(*TINY, "--hardware-compatible")
    assert (answer.code, "TensorRT-RTX ignores --hardware-compatible" in answer.err) == (2, True)


def test_an_engine_for_later_versions_is_built_or_refused_in_a_line(
    ssd: Command, places: Places
) -> None:
    answer = ssd(*TINY, "--version-compatible")
    if answer.code == 0:
        assert answer.out.startswith("written: ")
    else:
        assert error_of(answer, 1).endswith("; leave out --version-compatible")
        assert files(places.store) == []


def test_without_a_gpu_force_builds_again_and_leaves_parity_to_the_first_use(
    ssd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_driver() -> list[Gpu]:
        raise MissingPackageError(
            "there is no NVIDIA driver here; install it, or choose --backend cpu"
        )

    monkeypatch.setattr(command, "gpus", no_driver)
    for words in (TINY, (*TINY, "--force")):
        answer = ssd(*words)
        assert answer.code == 0
        written, parity = answer.out.splitlines()
        assert written.startswith("written: ")
        assert (
            parity == "parity with float32: not run, because there is no NVIDIA driver here; "
            "it runs when the engine is first used"
        )
    (manifest,) = listed(ssd)
    assert manifest["parity"] == {"state": "not run", "share": 0.0, "expected": 0, "basis": ""}


@pytest.mark.parametrize(
    "text", ["0", "-1", "257", "8,4,1", "1,2", "1,2,3,4", "one", "", "1,,8", "1.5", "9" * 5000]
)
def test_batches_that_make_no_sense_are_refused(ssd: Command, text: str) -> None:
    assert "must be one number, or the smallest, usual and largest batch" in error_of(
        ssd(*TINY, f"--batch={text}"), 2
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--precision", "int8"), "engines compute in fp16 or fp32, not int8"),
        (("--targets", "sm1"), "there is no target 'sm1'; choose targets that TensorRT-RTX knows"),
        (("--workspace", "-1"), "--workspace"),
        (
            ("--workspace", str(10**14)),
            "it is in MB, and can be 1048576 at most, or 0 for all memory",
        ),
        (("--runtime", "cuda"), "'tensorrt', 'tensorrt-rtx'"),
    ],
)
def test_words_that_make_no_sense_are_refused(
    ssd: Command, places: Places, words: tuple[str, ...], said: str
) -> None:
    assert said in error_of(ssd("build", "tiny", "--precision", "fp32", *words), 2)
    assert files(places.store) == []


def test_too_little_workspace_says_so_and_keeps_nothing(ssd: Command, places: Places) -> None:
    assert error_of(ssd("build", DEFAULT_MODEL, "--workspace", "1"), 1).endswith(
        "set a larger --workspace or a smaller --batch"
    )
    assert files(places.store) == []


def test_an_int8_model_is_refused(ssd: Command) -> None:
    said = error_of(ssd("build", assets_folder() / "models" / "int8" / f"{DEFAULT_MODEL}.onnx"), 2)
    assert said.endswith("is int8; give the float32 model, because engines are built from it")


def test_a_model_without_convolutions_is_refused_in_half_precision(ssd: Command) -> None:
    assert "has no convolution" in error_of(ssd("build", "tiny"), 1)


def test_a_model_that_is_not_there_gets_one_line(ssd: Command) -> None:
    assert "no model 'nothing'" in error_of(ssd("build", "nothing"), 1)


def test_a_mistake_of_ours_while_building_gets_one_line(
    ssd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object) -> bytes:
        raise ValueError("of ours")

    monkeypatch.setattr("ssd_live.commands.build_engine.run.build", mistaken)
    assert (
        error_of(ssd(*TINY), 1)
        == "error: ValueError: of ours; run again with --debug and report the error with its "
        "traceback"
    )


def test_tensorrt_itself_is_named_where_it_is_not_installed(
    ssd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python's own way to make an import fail, for machines that have it.
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    said = error_of(ssd("build", DEFAULT_MODEL, "--runtime", "tensorrt"), 1)
    assert (
        said
        == "error: TensorRT is not installed; run `pip install '.[tensorrt]'` on a machine with "
        "an NVIDIA driver"
    )


@pytest.mark.parametrize("below", ["", "below"])
def test_a_place_that_cannot_be_written_is_refused_before_the_build(
    ssd: Command, tmp_path: Path, below: str
) -> None:
    (tmp_path / "file").write_text("")
    answer = ssd(*TINY, "-o", tmp_path / "file" / below)
    assert "engines cannot be written there (not a directory); choose another folder" in error_of(
        answer, 1
    )
    assert "building" not in answer.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_without_permission_is_refused(ssd: Command, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "permission denied" in error_of(ssd(*TINY, "-o", tmp_path / "locked"), 1)


def test_a_full_disk_leaves_nothing(ssd: Command, small_disk: Path) -> None:
    assert "no space left on device" in error_of(ssd(*TINY, "-o", small_disk / "engines"), 1)
    assert files(small_disk / "engines") == []


def test_the_list_shows_what_was_built_for_what(ssd: Command, places: Places) -> None:
    ssd(*TINY, "--batch", "1,2,4", "--targets", "sm89")
    answer = ssd("engines", "list")
    assert answer.code == 0
    _, row, count = answer.out.splitlines()
    for word in (
        "tiny",
        "tensorrt-rtx 1.",
        "fp32",
        "1-4",
        "sm89",
        "not run",
        engine_in(places.store).name,
    ):
        assert word in row
    assert count == f"1 engines in {places.store}"


def test_an_empty_list_is_a_list(ssd: Command) -> None:
    assert listed(ssd) == []
    assert ssd("engines", "list").out.splitlines()[-1].startswith("0 engines in ")


def test_the_list_names_what_is_refused_and_why(ssd: Command, places: Places) -> None:
    ssd(*TINY)
    manifest_in(places.store).write_text("{")
    answer = ssd("engines", "list")
    assert answer.code == 0
    assert "refused" in answer.out
    assert "is not an engine manifest" in answer.out
    assert listed(ssd) == []


def test_cleaning_keeps_what_can_be_used(ssd: Command) -> None:
    ssd(*TINY)
    assert ssd("engines", "clean").out == "0 removed, 0.0 MiB freed\n"
    assert "exists already" in ssd(*TINY).out


def test_cleaning_removes_engines_of_models_that_changed(ssd: Command, places: Places) -> None:
    ssd(*TINY)
    write_tiny(places, score=0.8)
    ssd(*TINY)
    assert ssd("engines", "clean").out.startswith("1 removed, ")
    assert "exists already" in ssd(*TINY).out
    (places.engines / "models" / "tiny.onnx").unlink()
    # It may have been built from a file elsewhere.
    assert ssd("engines", "clean").out.startswith("0 removed, ")
    assert ssd("engines", "clean", "--all").out.startswith("1 removed, ")
    assert files(places.store) == []


def test_cleaning_removes_what_is_refused_but_no_sound_engine(ssd: Command, places: Places) -> None:
    ssd(*TINY)
    shutil.copy(manifest_in(places.store), places.store / "a-copy.engine.json")
    (places.store / "b.engine.json").write_text("[" * 100_000)
    assert ssd("engines", "clean").out.startswith("2 removed, ")
    assert "exists already" in ssd(*TINY).out


def test_cleaning_removes_leftovers(ssd: Command, places: Places) -> None:
    ssd(*TINY)
    for name in ("old.engine", ".ssd_live-abc"):
        (places.store / name).write_bytes(b"\0" * 2**20)
        os.utime(places.store / name, (0, 0))
    assert ssd("engines", "clean").out == "2 removed, 2.0 MiB freed\n"
    assert len(files(places.store)) == 2


def test_cleaning_everything_removes_everything(ssd: Command, places: Places) -> None:
    ssd(*TINY)
    ssd(*TINY, "--batch", "2")
    assert ssd("engines", "clean", "--all").out.startswith("2 removed, ")
    assert files(places.store) == []


@pytest.fixture
def foreign(ssd: Command, places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An engine that another user built, with its manifest beside it."""
    folder = tmp_path / "foreign"
    with monkeypatch.context() as theirs:
        theirs.setenv("XDG_CONFIG_HOME", str(tmp_path / "theirs"))
        assert ssd(*TINY, "-o", folder).code == 0
    return engine_in(folder)


def answering(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_a_foreign_engine_is_taken_over_once_agreed(
    ssd: Command, places: Places, foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, "y\n")
    answer = ssd("engines", "import", foreign)
    assert answer.code == 0, answer.err
    assert "An engine is native code" in answer.out
    assert f"imported: {engine_in(places.store)}" in answer.out
    (manifest,) = listed(ssd)
    assert (manifest["imported"], engine_in(places.store).read_bytes()) == (
        True,
        foreign.read_bytes(),
    )
    assert "exists already" in ssd(*TINY).out


def test_yes_agrees_beforehand(ssd: Command, foreign: Path) -> None:
    assert ssd("engines", "import", foreign, "--yes").code == 0
    assert len(listed(ssd)) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [("n\n", "nothing was imported"), ("\n", "nothing was imported"), ("", "interrupted")],
)
def test_without_agreement_nothing_is_imported(
    ssd: Command,
    places: Places,
    foreign: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    said: str,
) -> None:
    answering(monkeypatch, text)
    answer = ssd("engines", "import", foreign)
    assert (answer.code, answer.err.splitlines()[-1]) == (130, said)
    assert files(places.store) == []


def test_what_others_say_of_parity_is_not_taken_over(ssd: Command, foreign: Path) -> None:
    place = manifest_in(foreign.parent)
    passed = {"state": "passed", "share": 1.0, "expected": 9, "basis": "theirs"}
    place.write_text(json.dumps(json.loads(place.read_text()) | {"parity": passed}))
    assert ssd("engines", "import", foreign, "--yes").code == 0
    (manifest,) = listed(ssd)
    assert manifest["parity"] == {"state": "not run", "share": 0.0, "expected": 0, "basis": ""}


def test_an_engine_in_another_users_folder_is_not_used_unasked(ssd: Command, foreign: Path) -> None:
    again = ssd(*TINY, "-o", foreign.parent)
    assert "was not written by you" in again.err
    assert again.out.startswith("written: ")


def test_an_engine_without_a_manifest_is_refused(
    ssd: Command, places: Places, foreign: Path
) -> None:
    manifest_in(foreign.parent).unlink()
    assert "has no manifest (.engine.json) beside it" in error_of(
        ssd("engines", "import", foreign, "--yes"), 1
    )
    assert files(places.store) == []


def test_an_edited_foreign_engine_is_refused(ssd: Command, places: Places, foreign: Path) -> None:
    foreign.write_bytes(foreign.read_bytes()[:-1] + b"?")
    assert "is not the engine that its manifest describes" in error_of(
        ssd("engines", "import", foreign, "--yes"), 1
    )
    assert files(places.store) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "../../../evil"},
        {"model": "/tmp/evil"},
        {"version": "\x1b[2J"},
        {"batches": "many"},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_a_foreign_manifest_that_leads_astray_is_none(
    ssd: Command, places: Places, foreign: Path, changes: dict[str, str]
) -> None:
    place = manifest_in(foreign.parent)
    content = json.loads(place.read_text())
    content["key"] |= changes
    place.write_text(json.dumps(content))
    assert "has no manifest (.engine.json) beside it" in error_of(
        ssd("engines", "import", foreign, "--yes"), 1
    )
    assert files(places.store) == []


@pytest.mark.parametrize("content", ["[]", "[" * 100_000, "7", '{"hmac": "0"}'])
def test_other_files_beside_a_foreign_engine_do_not_matter(
    ssd: Command, foreign: Path, content: str
) -> None:
    (foreign.parent / "0.engine.json").write_text(content)
    assert ssd("engines", "import", foreign, "--yes").code == 0


@pytest.mark.parametrize("name", ["nothing.engine", "."])
def test_importing_what_is_no_file_is_refused(ssd: Command, tmp_path: Path, name: str) -> None:
    assert "there is no such engine" in error_of(ssd("engines", "import", tmp_path / name), 2)


# Runs the command with a build that interrupts its own process on the way, at moments that no clock
# would hit.
_INTERRUPTED = """
import os, signal, sys, threading
from ssd_live import cli
from ssd_live.commands import interrupts
from ssd_live.commands.build_engine import run as command

real, often = command.build, int(sys.argv.pop(1))

def build(model, flavour, options, on_progress, cancelled, timings):
    begun = threading.Event()

    def told(share, phase):
        if share >= 0.6 and not begun.is_set():
            begun.set()
            os.kill(os.getpid(), signal.SIGINT)
            assert cancelled.wait(20)
            if often == 2:
                # The library's step takes longer than the user waits; else the
                # interrupts of one second count as one.
                interrupts.SAME_SECONDS = 0.0
                cancelled.clear()
                os.kill(os.getpid(), signal.SIGINT)
        on_progress(share, phase)

    return real(model, flavour, options, told, cancelled, timings)

command.build = build
sys.exit(cli.main(sys.argv[1:]))
"""


def interrupted(times: int) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", _INTERRUPTED, str(times), "build", DEFAULT_MODEL]
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(
        words,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_LONGEST_SECONDS,
        check=False,
    )


def test_ctrl_c_in_the_middle_of_a_build_leaves_nothing(places: Places) -> None:
    child = interrupted(1)
    assert (child.returncode, child.stdout) == (130, ""), child.stderr
    assert child.stderr.splitlines()[1:] == [
        "cancelling the build ... (press Ctrl-C again to stop at once)",
        "the build was cancelled; nothing was kept",
    ]
    assert files(places.store) == []


def test_a_second_ctrl_c_stops_at_once_and_leaves_nothing(places: Places) -> None:
    child = interrupted(2)
    assert (child.returncode, child.stdout) == (130, ""), child.stderr
    assert child.stderr.splitlines()[1:] == [
        "cancelling the build ... (press Ctrl-C again to stop at once)",
        "interrupted",
    ]
    assert files(places.store) == []


_AT_ONCE = """
import os, signal, sys
from ssd_live import cli
from ssd_live.commands.build_engine import run as command

real = command.notify

def notify(line):
    real(line)
    if line.startswith("building "):
        os.kill(os.getpid(), signal.SIGINT)

command.notify = notify
sys.exit(cli.main(sys.argv[1:]))
"""


def test_ctrl_c_as_soon_as_building_is_said_leaves_nothing(places: Places) -> None:
    words = [sys.executable, "-c", _AT_ONCE, "build", DEFAULT_MODEL]
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    child = subprocess.run(
        words,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_LONGEST_SECONDS,
        check=False,
    )
    out, err = child.stdout, child.stderr
    assert (child.returncode, out) == (130, ""), err
    assert "Traceback" not in err
    assert files(places.store) == []
