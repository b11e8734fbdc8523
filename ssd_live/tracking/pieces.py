"""Collect the detections of tracklets into pieces of tracks."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ssd_live.tracking.candidates import Candidates
from ssd_live.tracking.links import FIT_SECONDS, End, fitted_end


class _Seen(NamedTuple):
    """The detections of one frame that belong to tracklets, with one entry for each."""

    serials: NDArray[np.int64]
    times: NDArray[np.float64]
    frames: NDArray[np.int64]
    searched: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    votes: NDArray[np.float32]
    looks: NDArray[np.float32]

    @classmethod
    def joined(cls, frames: list[Self]) -> Self:
        return cls._make(np.concatenate(arrays) for arrays in zip(*frames, strict=True))


class Piece:
    """A piece of a track: a tracklet, or several tracklets that were linked.

    `times` (N,), `frames` (N,), `boxes` (N, 4) and `scores` (N,) have one entry for each detection,
    in the order of time; old entries may be dropped with `forget`. `boxes` are x1, y1, x2, y2 in
    pixels. `begin` is the time of the first detection. `first_search` and `last_search` are the
    numbers of the first and the last search for objects that found it. `square_sum`, `votes` and
    `looks` are the sums of its squared scores, its votes for each class and its colour histograms.
    `track_id` is 0 as long as it has none.
    """

    def __init__(self, seen: _Seen) -> None:
        self.begin = float(seen.times[0])
        self.first_search = int(seen.searched[0])
        self.times, self.frames = seen.times[:0], seen.frames[:0]
        self.boxes, self.scores = seen.boxes[:0], seen.scores[:0]
        self.square_sum = 0.0
        self.votes: NDArray[np.float64] = np.zeros(seen.votes.shape[1])
        self.looks: NDArray[np.float64] = np.zeros(seen.looks.shape[1])
        self.track_id = 0
        # The ends are kept until a detection changes them.
        self._first: End | None = None
        self._last: End | None = None
        self._start: End | None = None
        self.extend(seen)

    @property
    def last_time(self) -> float:
        """The time of the last detection, in seconds."""
        return float(self.times[-1])

    @property
    def class_id(self) -> int:
        """The class with the most votes."""
        return int(self.votes.argmax())

    def extend(self, seen: _Seen) -> None:
        """Add the next detections."""
        self._append(seen.times, seen.frames, seen.boxes, seen.scores)
        self.last_search = int(seen.searched[-1])
        self.square_sum += float(np.square(seen.scores).sum())
        self.votes += seen.votes.sum(0)
        self.looks += seen.looks.sum(0)

    def absorb(self, later: "Piece") -> None:
        """Add the detections of a piece that continues this one. Those in both times are left out.

        The sums are those of both pieces.
        """
        start = int(np.searchsorted(later.times, self.last_time, "right"))
        self._append(
            later.times[start:], later.frames[start:], later.boxes[start:], later.scores[start:]
        )
        self.last_search = later.last_search
        self.square_sum += later.square_sum - float(np.square(later.scores[:start]).sum())
        self.votes += later.votes
        self.looks += later.looks

    def _append(self, *new: NDArray[np.generic]) -> None:
        for name, values in zip(("times", "frames", "boxes", "scores"), new, strict=True):
            setattr(self, name, np.concatenate([getattr(self, name), values]))
        self._first = self._last = None

    def forget(self, before: float) -> None:
        """Drop the detections with a time before `before`, in seconds; the sums stay.

        The last one is kept, because it is an end of the piece.
        """
        dropped = min(int(np.searchsorted(self.times, before)), len(self.times) - 1)
        if dropped:
            self.times, self.frames = self.times[dropped:], self.frames[dropped:]
            self.boxes, self.scores = self.boxes[dropped:], self.scores[dropped:]

    def first_end(self) -> End:
        """Return the first end. Its place and motion are final after `FIT_SECONDS`."""
        if self._first is None:
            start = self._start or self._fitted(is_last=False)
            if self.last_time - self.begin > FIT_SECONDS:
                self._start = start
            look, votes = self._description
            self._first = start._replace(other_time=self.last_time, look=look, votes=votes)
        return self._first

    def last_end(self) -> End:
        """Return the last end."""
        if self._last is None:
            self._last = self._fitted(is_last=True)._replace(other_time=self.begin)
        return self._last

    def _fitted(self, *, is_last: bool) -> End:
        return fitted_end(self.times, self.boxes, self.scores, *self._description, is_last=is_last)

    @property
    def _description(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The colours with length 1, and the votes with the highest scaled to 1."""
        length, most = float(np.linalg.norm(self.looks)), float(self.votes.max())
        return self.looks / max(length, 1e-9), self.votes / max(most, 1e-9)


class Pieces:
    """The pieces of the tracks of one source, by the serial number of their (last) tracklet.

    Detections are noted for each frame, and become parts of pieces only when `gather` is called,
    because it is much faster to add many at once.
    """

    def __init__(self) -> None:
        self.by_serial: dict[int, Piece] = {}
        self._noted: list[_Seen] = []
        self._searches = 0

    def note(self, time: float, frame: int, found: Candidates, serials: NDArray[np.int64]) -> None:
        """Note the detections of a frame, which has the number `frame`.

        `time` is in seconds. `serials` (N,) says to which tracklet each belongs; it is negative for
        none.
        """
        chosen = np.flatnonzero(serials >= 0)
        searched, self._searches = self._searches, self._searches + 1
        if not len(chosen):
            return
        seen = found.some(chosen)
        looks = seen.looks
        self._noted.append(
            _Seen(
                serials[chosen],
                np.full(len(chosen), time),
                np.full(len(chosen), frame),
                np.full(len(chosen), searched),
                seen.boxes,
                seen.scores,
                seen.votes,
                np.zeros((len(chosen), 1), np.float32)
                if looks is None
                else looks * seen.strengths[:, None],
            )
        )

    def gather(self) -> None:
        """Add all noted detections to their pieces."""
        if not self._noted:
            return
        noted = _Seen.joined(self._noted)
        self._noted.clear()
        order = np.argsort(noted.serials, kind="stable")
        noted = _Seen._make(array[order] for array in noted)
        bounds = np.flatnonzero(np.diff(noted.serials)) + 1
        for start, end in zip([0, *bounds.tolist()], [*bounds.tolist(), None], strict=True):
            its = _Seen._make(array[start:end] for array in noted)
            serial = int(its.serials[0])
            if serial in self.by_serial:
                self.by_serial[serial].extend(its)
            else:
                self.by_serial[serial] = Piece(its)
