"""Images for judging are apart from those to learn from, and stay so."""

from dataclasses import replace

from ssd_live.project.labels import LabelledBox, ProjectImage
from ssd_live.project.split import apart, with_parts

MUG, BOWL = (LabelledBox(number, (0.0, 0.0, 9.0, 9.0)) for number in (1, 2))


def _frame(number: int, seconds: float | None, source: str = "a.mp4") -> ProjectImage:
    return ProjectImage(number, f"{number}.jpg", 10, 10, (), True, source, seconds)


def _parts(images: list[ProjectImage]) -> dict[int, str]:
    return {image.number: image.part for image in with_parts(images)}


def test_the_end_of_a_video_is_for_judging() -> None:
    images = [_frame(number, 10.0 * (20 - number)) for number in range(20)]
    parts = _parts(images)
    # The images are taken in the order of time, not in that of their numbers.
    assert [number for number, part in parts.items() if part == "judge"] == [3, 2, 1, 0]
    assert len(parts) == 20


def test_neighbouring_frames_are_not_on_both_sides() -> None:
    # Bursts of four frames, with long gaps between.
    images = [_frame(number, 30.0 * (number // 4) + number % 4) for number in range(40)]
    parts = _parts(images)
    for burst in range(10):
        assert len({parts[4 * burst + place] for place in range(4)}) == 1
    assert sum(part == "judge" for part in parts.values()) == 8


def test_a_burst_alone_is_split_all_the_same() -> None:
    parts = _parts([_frame(number, 0.5 * number) for number in range(10)])
    assert [parts[number] for number in (0, 7, 8, 9)] == ["train", "train", "judge", "judge"]


def test_what_was_decided_stays_and_decides_for_its_neighbours() -> None:
    old = [replace(_frame(1, 10.0), part="judge"), replace(_frame(2, 50.0), part="train")]
    new = [_frame(3, 11.0), _frame(4, 49.5), _frame(5, 100.0), _frame(6, None)]
    parts = _parts([*old, *new])
    assert 1 not in parts
    assert (parts[3], parts[4]) == ("judge", "train")
    assert set(parts) == {3, 4, 5, 6}


def test_photos_of_every_class_are_on_both_sides() -> None:
    """Also if those of a class come one after another, as in the folders of data sets."""
    bowls = [replace(_frame(number, None, "a"), boxes=(BOWL,)) for number in range(40)]
    mugs = [replace(_frame(40 + number, None, "a"), boxes=(MUG, BOWL)) for number in range(10)]
    nothing = [_frame(50 + number, None, "b") for number in range(10)]
    parts = _parts([*bowls, *mugs, *nothing])
    for first, last, judged in ((0, 40, 8), (40, 50, 2), (50, 60, 2)):
        assert sum(parts[number] == "judge" for number in range(first, last)) == judged
    # Those that were decided count for the shares.
    decided = [replace(image, part="judge") for image in bowls[:8]]
    later = _parts([*decided, *bowls[8:40]])
    assert set(later.values()) == {"train"}
    assert _parts([]) == {}


def test_short_videos_are_split_together() -> None:
    parts = _parts([_frame(number, 1.0, f"{number}.mp4") for number in range(10)])
    assert [number for number, part in parts.items() if part == "judge"] == [8, 9]


def test_frames_that_are_like_judged_ones_are_not_learned_from() -> None:
    images = [
        replace(_frame(1, 10.0), part="train"),
        replace(_frame(2, 11.0), part="train"),
        replace(_frame(3, 12.0), part="judge"),
        replace(_frame(4, 13.5), part="train"),
        replace(_frame(5, 12.5, "b.mp4"), part="train"),
        replace(_frame(6, None), part="train"),
        _frame(7, 50.0),
    ]
    assert apart(images) == {1, 4, 5, 6}
