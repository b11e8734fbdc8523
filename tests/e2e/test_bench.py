"""`bench` as a user types it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from ssd_live.bench.records import Report
from ssd_live.cli import main
from ssd_live.selection.choice import BackendChoice
from ssd_live.system import machine
from tests.clips import write_clip
from tests.conftest import FIXED_BACKEND, Answer
from tests.tiny_model import tiny_model
from tests.waiting import is_zombie, wait_for

CHECKOUT = Path(__file__).resolve().parents[2]
Bench = Callable[..., Answer]
QUICK = ("--seconds", "0.5", *FIXED_BACKEND)
# The least there is to measure: one process.
LEAST = ("--kinds", "detector", *QUICK)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of a few frames and a model of a few nodes."""
    folder = tmp_path_factory.mktemp("bench")
    write_clip(folder / "in.mp4", 6, size=(320, 136))
    (folder / "tiny.onnx").write_bytes(tiny_model([[0.1, 0.1, 0.5, 0.9]], [[0.9, 0.0]]).data)
    return folder


@dataclass(frozen=True)
class Whole:
    """One run with everything, made once; end to end with two streams."""

    folder: Path
    out: str

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "bench.json").read_text())
        return found


@pytest.fixture(scope="module")
def whole(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("report")
    outputs = (
        "--json",
        folder / "bench.json",
        "--html",
        folder / "bench.html",
        "--plot",
        folder / "bench.png",
    )
    inputs = (
        "--model",
        media / "tiny.onnx",
        "--source",
        media / "in.mp4",
        "--streams",
        "2",
        *QUICK,
    )
    command = [
        str(word) for word in (sys.executable, CHECKOUT / "main.py", "bench", *inputs, *outputs)
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return Whole(folder, done.stdout)


@pytest.fixture
def bench(ssd: Bench, media: Path) -> Bench:
    """The detector alone, unless the words say otherwise."""
    return lambda *words: ssd(
        "bench", "--model", media / "tiny.onnx", "--source", media / "in.mp4", *LEAST, *words
    )


def _error_line(answer: Answer) -> str:
    """The one line that says what is wrong, before anything was measured."""
    assert answer.code in (1, 2)
    assert "measuring" not in answer.err
    (line,) = answer.err.splitlines()
    assert line.startswith("error: ")
    return line


def test_the_json_holds_every_figure_its_machine_and_its_command(whole: Whole, media: Path) -> None:
    report = whole.report
    rows = {(row["kind"], row["what"]): row for row in report["measurements"]}
    assert list(rows) == [
        ("network", "one at a time"),
        ("network", "many in flight"),
        ("detector", "a frame to its detections"),
        ("end to end", "detections only"),
        ("end to end", "H.264 video"),
    ], report["warnings"]
    for row in rows.values():
        assert (row["model"], row["backend"], row["precision"]) == ("tiny", "openvino", "fp32")
        assert row["fps"] > 0
        assert row["frames"] > 0
        assert len(row["samples"]) > 1
        assert row["memory_mb"] > 10
    assert {kind for (kind, _), row in rows.items() if row["bound_fps"]} == {"end to end"}
    assert {kind for (kind, _), row in rows.items() if row["streams"] == 2} == {"end to end"}
    assert {what for (_, what), row in rows.items() if row["latency_ms"]} == {
        "one at a time",
        "a frame to its detections",
    }
    assert report["command"].startswith("main.py bench --model ")
    assert report["command"].endswith("bench.png")
    assert report["machine"]["cores"] == machine.available_cores()
    assert {
        "load_before",
        "others_busy",
        "governor",
        "on_battery",
        "steal",
        "slowest_clock",
        "throttled",
    } <= report["machine"].keys()
    assert report["machine"]["versions"]["openvino"] == machine.package_version("openvino")


def test_beside_end_to_end_stands_what_the_stages_allow(whole: Whole) -> None:
    (costs,) = whole.report["stages"]
    assert [stage["name"] for stage in costs["stages"]] == [
        "decode",
        "preprocess",
        "inference",
        "detections",
        "draw",
        "encode",
        "NMS",
        "tracking, live",
        "tracking, two-pass",
    ]
    sums = {"detections only": 4, "H.264 video": 6}
    for row in whole.report["measurements"][3:]:
        milliseconds = sum(stage["cpu_ms"] for stage in costs["stages"][: sums[row["what"]]])
        assert row["bound_fps"] == pytest.approx(
            1000 * machine.available_cores() / milliseconds, rel=0.01
        )
        assert row["share"] == pytest.approx(row["fps"] / row["bound_fps"])


def test_the_terminal_shows_each_kind_in_a_table_of_its_own(whole: Whole) -> None:
    titles = [
        line.partition(":")[0]
        for line in whole.out.splitlines()
        if re.match(r"network alone|detector|end to end|stages of", line)
    ]
    assert titles == [
        "network alone",
        "detector",
        "end to end",
        "stages of tiny on openvino fp32, each alone in one thread",
    ]
    assert whole.out.count("tiny, openvino fp32") == 5
    assert whole.out.count("tiny, openvino fp32, 2 streams") == 2
    assert "\x1b" not in whole.out


def test_html_and_plot_are_files_of_their_own(whole: Whole) -> None:
    page = (whole.folder / "bench.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "tiny, openvino fp32" in page
    assert (whole.folder / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(whole.folder.iterdir())) == 3


def test_a_second_run_is_held_against_the_first(whole: Whole, bench: Bench, tmp_path: Path) -> None:
    answer = bench("--compare", whole.folder / "bench.json", "--html", tmp_path / "new.html")
    assert answer.code == 0
    (title,) = [
        number
        for number, line in enumerate(answer.out.splitlines())
        if line == "against the earlier run"
    ]
    (row,) = [line for line in answer.out.splitlines()[title:] if line.startswith("detector")]
    assert re.search(r"\d ± \d.* (faster|slower|the same) *$", row)
    assert "note:" not in answer.out
    assert "against the earlier run" in (tmp_path / "new.html").read_text()


def test_another_machine_is_noted_and_so_is_having_nothing_in_common(
    whole: Whole, bench: Bench, tmp_path: Path
) -> None:
    earlier = whole.report
    earlier["machine"]["processor"] = "An abacus"
    for row in earlier["measurements"]:
        row["batch"] = 5
    (tmp_path / "old.json").write_text(json.dumps(earlier))
    answer = bench("--compare", tmp_path / "old.json")
    assert answer.code == 0
    assert "note: another processor: An abacus, now " in answer.out
    assert "note: no measurement of the earlier run was repeated" in answer.out


def test_batches_and_the_pattern_can_be_chosen(bench: Bench, tmp_path: Path) -> None:
    answer = bench(
        "--kinds",
        "network,detector",
        "--batch",
        "3",
        "--source",
        "pattern:64x48",
        "--json",
        tmp_path / "bench.json",
    )
    assert answer.code == 0, answer.err
    rows = Report.model_validate_json((tmp_path / "bench.json").read_bytes()).measurements
    assert [(row.kind, row.batch, row.source) for row in rows] == [
        ("network", 3, ""),
        ("network", 3, ""),
        ("detector", 1, "pattern:64x48"),
    ]


def test_names_that_are_no_text_are_no_reason_to_stop(
    bench: Bench, media: Path, tmp_path: Path
) -> None:
    clip = tmp_path / os.fsdecode(b"\xff.mp4")
    clip.write_bytes((media / "in.mp4").read_bytes())
    answer = bench(
        "--source", clip, "--json", tmp_path / "bench.json", "--html", tmp_path / "bench.html"
    )
    assert answer.code == 0, answer.err
    assert "�.mp4" in json.loads((tmp_path / "bench.json").read_text())["measurements"][0]["source"]


BAD_WORDS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "unknown kind": (
        ("--kinds", "network,camera"),
        2,
        "must be all, or some of network, detector, end-to-end",
    ),
    "no kind": (("--kinds", ""), 2, "must be all"),
    "batch 0": (("--batch", "0"), 2, "--batch '0' must be numbers from 1 to 256"),
    "half a list of batches": (("--batch", "1,"), 2, "--batch '1,'"),
    "streams x": (("--streams", "x"), 2, "--streams 'x' must be numbers from 1 to 64"),
    "too many streams": (("--streams", "65"), 2, "--streams '65'"),
    "no time": (("--seconds", "0.1"), 2, "--seconds"),
    "time without end": (("--seconds", "nan"), 2, "--seconds"),
    "unknown backend": (("--backend", "abacus"), 2, "there is no backend 'abacus'"),
    "missing model": (("--model", "nowhere"), 1, "there is no model 'nowhere'"),
    "missing source": (("--source", "nowhere.mp4"), 2, "nowhere.mp4: there is no such file"),
    "camera": (("--source", "0"), 2, "for a camera use `live --no-window`"),
    "image": (
        ("--source", str(CHECKOUT / "assets" / "media" / "coffee.png")),
        2,
        "only a file, pattern",
    ),
    "pattern of no size": (("--source", "pattern:5"), 2, "WIDTHxHEIGHT"),
    "end to end of no file": (
        ("--source", "synthetic", "--kinds", "end-to-end"),
        2,
        "synthetic cannot be measured end to end",
    ),
    "no earlier report": (
        ("--compare", "nowhere.json"),
        1,
        "nowhere.json: cannot be read (no such file",
    ),
    "plot without a format": (("--plot", "bench.txt"), 1, "plots are written as"),
    "folder as JSON": (("--json", "."), 1, "is a folder"),
    "device as JSON": (("--json", os.devnull), 1, "is not a regular file"),
    "place that cannot be made": (
        ("--html", f"{CHECKOUT / 'main.py'}/in/bench.html"),
        1,
        "cannot be written (not a directory)",
    ),
    "one file for two": (
        ("--json", "a.out", "--html", "./a.out"),
        2,
        "a.out: this command already reads or writes this file",
    ),
}


@pytest.mark.parametrize("kind", BAD_WORDS)
def test_wrong_words_are_named_in_one_line_before_anything_is_measured(
    kind: str, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, code, text = BAD_WORDS[kind]
    monkeypatch.chdir(tmp_path)
    answer = bench(*words)
    assert text in _error_line(answer)
    assert answer.code == code
    assert not list(tmp_path.iterdir())


def test_a_broken_source_is_named_before_anything_is_measured(
    bench: Bench, media: Path, tmp_path: Path
) -> None:
    (tmp_path / "cut.mp4").write_bytes((media / "in.mp4").read_bytes()[:2000])
    assert "cut.mp4: is not a video" in _error_line(bench("--source", tmp_path / "cut.mp4"))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"not JSON", b'{"format": 2}', b"[" * 100_000, b"\xff"]
)
def test_what_is_no_report_cannot_be_compared_with(
    content: bytes, bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "old.json").write_bytes(content)
    assert "old.json: is not a report of this version of `bench`" in _error_line(
        bench("--compare", tmp_path / "old.json")
    )


@pytest.mark.parametrize("option", ["--source", "--model", "--compare"])
def test_no_result_takes_the_place_of_what_is_read(
    option: str, whole: Whole, bench: Bench, media: Path
) -> None:
    read = {
        "--source": media / "in.mp4",
        "--model": media / "tiny.onnx",
        "--compare": whole.folder / "bench.json",
    }[option]
    before = read.read_bytes()
    assert f"{read}: this command already reads or writes this file" in _error_line(
        bench(option, read, "--json", read)
    )
    assert read.read_bytes() == before


def test_a_source_that_ends_early_leaves_the_figures_that_need_no_end(
    bench: Bench, media: Path, tmp_path: Path
) -> None:
    clip = write_clip(
        tmp_path / "in.mkv", 60, setup=lambda stream: setattr(stream.codec_context, "gop_size", 10)
    )
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    answer = bench("--kinds", "detector,end-to-end", "--source", clip)
    assert answer.code == 0
    assert "detector: a frame in" in answer.out
    (line,) = [line for line in answer.out.splitlines() if "the file ends after" in line]
    assert line.startswith("warning: ")
    alone = bench("--kinds", "end-to-end", "--source", clip)
    assert alone.code == 1
    assert [line for line in alone.err.splitlines() if "the file ends after" in line][
        -1
    ].startswith("error: ")


@pytest.fixture
def endless(media: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that takes minutes, in a group of its own."""
    words: list[object] = [
        "--kinds",
        "end-to-end",
        "--streams",
        "2",
        "--seconds",
        "600",
        "--json",
        tmp_path / "bench.json",
    ]
    inputs = ("--model", media / "tiny.onnx", "--source", media / "in.mp4", *FIXED_BACKEND)
    command = [
        str(word) for word in (sys.executable, CHECKOUT / "main.py", "bench", *inputs, *words)
    ]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as program:
        yield program
        program.kill()


@pytest.mark.parametrize(
    ("number", "to_all"), [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, False)]
)
def test_ctrl_c_ends_it_at_once_with_all_its_processes(
    number: signal.Signals, to_all: bool, endless: subprocess.Popen[str], tmp_path: Path
) -> None:
    def both() -> list[psutil.Process] | None:
        found: list[psutil.Process] = psutil.Process(endless.pid).children(recursive=True)
        # Not before they watch their parent, by another thread.
        return (
            found if len(found) == 2 and all(child.num_threads() > 2 for child in found) else None
        )

    workers = wait_for(both, what="two measuring processes")
    (os.killpg if to_all else os.kill)(endless.pid, number)
    _, errors = endless.communicate(timeout=60)
    assert endless.returncode == 130
    assert errors.splitlines()[-1] == "interrupted; nothing was written"
    assert "Traceback" not in errors
    assert not [worker for worker in workers if worker.is_running() and not is_zombie(worker)]
    assert not list(tmp_path.iterdir())


def test_with_no_options_the_default_model_runs_on_the_sample_clip(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The words alone: what they measure is measured elsewhere."""
    seen: list[Any] = []

    class NoBench:
        def __init__(self, plan: Any, notify: Any) -> None:
            seen.append(plan)

        def run(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr("ssd_live.commands.bench.run.Bench", NoBench)
    monkeypatch.setattr(
        "ssd_live.commands.bench.run.choose",
        lambda model, backend, precision, **_: BackendChoice(backend, "CPU", precision),
    )
    assert main(["bench"]) == 130
    (plan,) = seen
    assert [(subject.model.name, str(subject.choice)) for subject in plan.subjects] == [
        ("ssd300-mobilenetv2-oid", "auto auto")
    ]
    assert (plan.clip.name, plan.source, plan.batches, plan.streams) == (
        "bikes.mp4",
        "the sample clip",
        (1,),
        (1,),
    )
    assert plan.kinds == ("network", "detector", "end to end")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
