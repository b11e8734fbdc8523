"""Which inputs there are and where each one's result goes."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssd_live.errors import MediaError, UsageError
from ssd_live.imaging.image_files import natural_order
from ssd_live.process.plan import Plan, make_plan
from ssd_live.video.encoders import Codec


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _make(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"media")


def _sources(plan: Plan) -> list[str]:
    return [task.source.as_posix() for task in plan.tasks]


def _outputs(plan: Plan) -> list[str]:
    return [task.output.as_posix() for task in plan.tasks if task.output is not None]


def test_one_input_goes_to_the_named_output(tree: Path) -> None:
    _make("clip.avi")
    plan = make_plan(["clip.avi"], "done.mkv", "h264")
    assert (_sources(plan), _outputs(plan), plan.folder) == (["clip.avi"], ["done.mkv"], None)


def test_without_an_output_there_are_detections_only(tree: Path) -> None:
    _make("a.mp4", "b.mp4")
    plan = make_plan(["a.mp4", "b.mp4"], None, "h264")
    assert (_sources(plan), _outputs(plan), plan.folder) == (["a.mp4", "b.mp4"], [], None)


@pytest.mark.parametrize(
    ("name", "codec", "expected"),
    [
        ("clip.avi", "h264", "clip.mp4"),
        ("clip.mkv", "h264", "clip.mkv"),
        ("clip.MOV", "hevc", "clip.MOV"),
        ("clip.mp4", "ffv1", "clip.mkv"),
        ("photo.jpg", "h264", "photo.jpg"),
        ("photo.PNG", "ffv1", "photo.PNG"),
    ],
)
def test_in_an_output_folder_the_ending_is_one_that_holds_the_codec(
    tree: Path, name: str, codec: Codec, expected: str
) -> None:
    _make(name)
    plan = make_plan([name], "out", codec)
    assert (_outputs(plan), plan.folder) == ([f"out/{expected}"], Path("out"))


def test_an_existing_folder_takes_a_single_input_whatever_the_folders_name(tree: Path) -> None:
    _make("clip.mp4")
    Path("results.mp4").mkdir()
    assert _outputs(make_plan(["clip.mp4"], "results.mp4", "h264")) == ["results.mp4/clip.mp4"]


def test_inputs_of_one_name_from_several_folders_do_not_collide(tree: Path) -> None:
    _make("monday/clip.mp4", "tuesday/clip.mp4")
    plan = make_plan(["monday/clip.mp4", "tuesday/clip.mp4"], "out", "h264")
    assert _outputs(plan) == ["out/monday/clip.mp4", "out/tuesday/clip.mp4"]


def test_a_folders_tree_is_mirrored(tree: Path) -> None:
    _make("in/a.mp4", "in/deep/er/b.avi", "in/deep/photo.jpg")
    assert sorted(_outputs(make_plan(["in"], "out", "h264"))) == [
        "out/a.mp4",
        "out/deep/er/b.mp4",
        "out/deep/photo.jpg",
    ]


def test_clips_that_differ_in_their_ending_alone_keep_it(tree: Path) -> None:
    _make("in/clip.avi", "in/clip.mp4", "in/other.avi")
    assert sorted(_outputs(make_plan(["in"], "out", "h264"))) == [
        "out/clip.avi.mp4",
        "out/clip.mp4.mp4",
        "out/other.mp4",
    ]


def _names_are_apart(plan: Plan) -> bool:
    """On a file system that knows upper and lower case and on one that does not."""
    outputs = [Path(output) for output in _outputs(plan)]
    finals = {str(output).casefold() for output in outputs}
    return len(finals) == len(plan.tasks)


def test_clips_that_differ_in_case_alone_do_not_collide(tree: Path) -> None:
    _make("in/CLIP.avi", "in/clip.mp4")
    assert _names_are_apart(make_plan(["in"], "out", "h264"))


@pytest.mark.parametrize(
    "names",
    [
        ("Clip.mp4", "clip.mp4"),
        ("photo.JPG", "photo.jpg"),
        ("clip.avi", "clip.mp4", "clip.avi.mp4"),
        ("clip.avi", "clip.wmv", "clip.avi.mp4", "clip.wmv.mp4"),
        ("A.avi", "a.AVI", "a.mp4"),
    ],
    ids=" ".join,
)
def test_a_name_made_to_avoid_a_collision_does_not_collide_itself(
    tree: Path, names: tuple[str, ...]
) -> None:
    _make(*(f"in/{name}" for name in names))
    plan = make_plan(["in"], "out", "h264")
    # Where the file system knows no case, some of the names are one file.
    assert len(plan.tasks) == len(list(Path("in").iterdir()))
    assert _names_are_apart(plan)


_STEMS = st.sampled_from(["a", "b", "a.avi", "b.mp4", "a1", "a01"])
_ENDINGS = st.sampled_from([".mp4", ".avi", ".mkv", ".wmv", ".jpg", ".png", ".mp4.avi"])


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
@given(
    st.sets(st.tuples(_STEMS, _ENDINGS), min_size=1, max_size=12), st.sampled_from(["h264", "ffv1"])
)
def test_no_two_inputs_ever_share_an_output(
    tmp_path_factory: pytest.TempPathFactory, names: set[tuple[str, str]], codec: Codec
) -> None:
    folder = tmp_path_factory.mktemp("in")
    for stem, ending in names:
        (folder / f"{stem}{ending}").write_bytes(b"media")
    assert _names_are_apart(make_plan([str(folder)], str(folder.parent / "out"), codec))


def test_a_folder_is_read_in_natural_order(tree: Path) -> None:
    names = [f"in/frame{number}.png" for number in (1, 2, 9, 10, 11, 100)]
    shuffled = list(names)
    random.Random(0).shuffle(shuffled)
    _make(*shuffled)
    assert _sources(make_plan(["in"], "out", "h264")) == names


def test_natural_order_looks_at_every_number_and_at_no_case() -> None:
    names = ["A1b2", "a1b10", "a2b1", "B1"]
    assert [path.name for path in sorted(map(Path, reversed(names)), key=natural_order)] == names


@pytest.mark.parametrize("name", ["5²7.png", "x²", "٣.png", "", "½"])
def test_natural_order_takes_any_name(name: str) -> None:
    assert sorted([Path(name), Path("1.png")], key=natural_order)


def test_inputs_stay_in_the_order_in_which_they_were_named(tree: Path) -> None:
    _make("b.mp4", "a.mp4", "c10.mp4", "c9.mp4")
    assert _sources(make_plan(["c10.mp4", "b.mp4", "a.mp4", "c9.mp4"], "out", "h264")) == [
        "c10.mp4",
        "b.mp4",
        "a.mp4",
        "c9.mp4",
    ]


def test_wildcards_are_expanded_in_natural_order(tree: Path) -> None:
    _make("clip10.mp4", "clip9.mp4", "clip1.mp4", "other.mp4", "clip.txt")
    assert _sources(make_plan(["clip*.mp4"], "out", "h264")) == [
        "clip1.mp4",
        "clip9.mp4",
        "clip10.mp4",
    ]


def test_two_stars_reach_into_folders(tree: Path) -> None:
    _make("in/a.mp4", "in/x/b.mp4", "in/x/y/c.mp4")
    assert sorted(_sources(make_plan(["in/**/*.mp4"], "out", "h264"))) == [
        "in/a.mp4",
        "in/x/b.mp4",
        "in/x/y/c.mp4",
    ]


def test_a_file_that_is_really_named_like_a_pattern_is_taken_for_itself(tree: Path) -> None:
    _make("clip[1].mp4", "clip1.mp4")
    assert _sources(make_plan(["clip[1].mp4"], "done.mp4", "h264")) == ["clip[1].mp4"]


def test_a_pattern_that_matches_nothing_is_refused(tree: Path) -> None:
    with pytest.raises(MediaError, match=r"no\*\.mp4: nothing matches"):
        make_plan(["no*.mp4"], "out", "h264")


def test_a_file_that_is_not_there_is_refused(tree: Path) -> None:
    with pytest.raises(MediaError, match=r"none\.mp4"):
        make_plan(["none.mp4"], "out", "h264")


def test_a_file_named_twice_is_processed_once(tree: Path) -> None:
    _make("in/a.mp4", "in/b.mp4")
    assert _sources(
        make_plan(["in/b.mp4", "in", str(tree / "in" / "b.mp4"), "in/*.mp4"], "out", "h264")
    ) == ["in/b.mp4", "in/a.mp4"]


def test_a_file_and_a_link_to_it_are_processed_once(tree: Path) -> None:
    _make("in/a.mp4")
    Path("in/link.mp4").symlink_to("a.mp4")
    assert len(make_plan(["in"], "out", "h264").tasks) == 1


@pytest.mark.parametrize(
    "output", ["clip.mp4", "./clip.mp4", "sub/../clip.mp4", "link.mp4", "hard.mp4"]
)
def test_an_output_that_is_the_input_is_refused(tree: Path, output: str) -> None:
    _make("clip.mp4")
    Path("sub").mkdir()
    Path("link.mp4").symlink_to("clip.mp4")
    os.link("clip.mp4", "hard.mp4")
    with pytest.raises(UsageError, match="would overwrite an input"):
        make_plan(["clip.mp4"], output, "h264")


def test_an_output_folder_that_is_the_inputs_folder_is_refused(tree: Path) -> None:
    _make("in/a.mp4", "in/b.mp4")
    with pytest.raises(UsageError, match="would overwrite an input"):
        make_plan(["in"], "in", "h264")


def test_an_output_that_is_another_input_is_refused(tree: Path) -> None:
    _make("in/clip.avi", "clip.mp4", "in/clip.mp4")
    # in/clip.avi becomes ./in/clip.mp4.
    with pytest.raises(UsageError, match="would overwrite an input"):
        make_plan(["clip.mp4", "in/clip.avi", "in/clip.mp4"], ".", "h264")


def test_an_output_folder_inside_the_input_folder_is_not_an_input_the_second_time(
    tree: Path,
) -> None:
    _make("in/a.mp4", "in/b.mp4")
    first = make_plan(["in"], "in/out", "h264")
    _make(*_outputs(first))
    second = make_plan(["in"], "in/out", "h264")
    assert (_sources(second), _outputs(second)) == (_sources(first), _outputs(first))


def test_hidden_files_are_not_inputs(tree: Path) -> None:
    _make("in/a.mp4", "in/.c.mp4", "in/notes.txt")
    assert _sources(make_plan(["in"], "out", "h264")) == ["in/a.mp4"]


def test_an_output_folder_among_the_inputs_is_left_out(tree: Path) -> None:
    _make("a.mp4", "b.mp4", "ann/a.mp4")
    assert _sources(make_plan(["a.mp4", "ann", "b.mp4"], "ann", "h264")) == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        (["a.mp4"], ""),
        ([""], "out"),
        (["a.mp4"], "-"),
        (["a.mp4"], "out.xyz"),
        (["a.mp4"], "/dev/null"),
    ],
)
def test_words_that_are_no_place_are_refused(tree: Path, inputs: list[str], output: str) -> None:
    _make("a.mp4")
    with pytest.raises(UsageError):
        make_plan(inputs, output, "h264")


def test_rings_of_links_are_refused_in_a_line(tree: Path) -> None:
    Path("ring.mp4").symlink_to("ring.mp4")
    with pytest.raises(MediaError, match="no such file"):
        make_plan(["ring.mp4"], "out.mp4", "h264")


@pytest.mark.parametrize(
    "fill", [lambda: None, lambda: _make("in/notes.txt"), lambda: _make("in/out/a.mp4")]
)
def test_a_folder_without_media_is_refused(tree: Path, fill: Callable[[], None]) -> None:
    Path("in").mkdir()
    fill()
    with pytest.raises(MediaError, match="there is no video or image in this folder"):
        make_plan(["in"], "in/out", "h264")


@pytest.mark.parametrize("output", ["all.mp4", "all.png"])
@pytest.mark.parametrize("inputs", [["in"], ["in/a.mp4", "in/b.mp4"]])
def test_several_inputs_cannot_go_to_one_file(tree: Path, inputs: list[str], output: str) -> None:
    _make("in/a.mp4", "in/b.mp4")
    with pytest.raises(UsageError, match="is not a folder, but several inputs"):
        make_plan(inputs, output, "h264")


def test_an_existing_file_cannot_be_the_output_folder(tree: Path) -> None:
    _make("in/a.mp4", "in/b.mp4", "results")
    with pytest.raises(UsageError, match="is not a folder, but several inputs"):
        make_plan(["in"], "results", "h264")


def test_images_and_videos_are_told_apart(tree: Path) -> None:
    _make("in/a.JPG", "in/b.webm")
    assert [task.is_image for task in make_plan(["in"], "out", "h264").tasks] == [True, False]


@pytest.mark.parametrize("address", ["rtsp://camera/1", "RTSPS://camera/1"])
def test_a_stream_is_told_from_a_missing_file(tree: Path, address: str) -> None:
    with pytest.raises(UsageError, match="process reads files, and this is a stream; use `live"):
        make_plan([address], "out.mp4", "h264")


def test_a_missing_file_on_a_windows_drive_is_no_address(tree: Path) -> None:
    with pytest.raises(MediaError, match="there is no such file"):
        make_plan(["C:/clip.mp4"], "out.mp4", "h264")
