"""Change labels one step at a time, with undo and redo without end."""

from collections.abc import Sequence
from dataclasses import replace

from ssd_live.project.labels import LabelledBox, ProjectImage
from ssd_live.project.store import Project

# Images before and after a change.
_Change = list[tuple[ProjectImage, ProjectImage]]


class Editor:
    """Changes the labels of the images of `project`; each change is stored at once.

    All methods that change something raise `OutputError` if it cannot be stored; then nothing has
    changed.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._done: list[_Change] = []
        self._undone: list[_Change] = []

    def set_boxes(self, number: int, boxes: tuple[LabelledBox, ...]) -> None:
        """Replace the boxes of an image."""
        self.replace([replace(self.project.image(number), boxes=boxes)])

    def accept(self, number: int) -> None:
        """Make the suggestions in an image labels, and say that all its objects are labelled."""
        image = self.project.image(number)
        boxes = tuple(replace(each, score=None) for each in image.boxes)
        self.replace([replace(image, boxes=boxes, is_labelled=True)])

    def mark_nothing(self, number: int) -> None:
        """Say that there is nothing to find in an image."""
        self.replace([replace(self.project.image(number), boxes=(), is_labelled=True)])

    def mark_unlabelled(self, number: int) -> None:
        """Say that the labels of an image are not complete."""
        self.replace([replace(self.project.image(number), is_labelled=False)])

    def replace(self, images: Sequence[ProjectImage]) -> None:
        """Replace images of the project by changed ones, in one step for undo."""
        change = [(self.project.image(image.number), image) for image in images]
        change = [(before, image) for before, image in change if image != before]
        if change:
            self.project.put([image for _, image in change])
            self._done.append(change)
            self._undone.clear()

    def undo(self) -> list[int]:
        """Undo the last change; return the numbers of its images, or none if there is no change."""
        return self._step(self._done, self._undone, 0)

    def redo(self) -> list[int]:
        """Do the last undone change again; return the numbers of its images, or none."""
        return self._step(self._undone, self._done, 1)

    def forget(self) -> None:
        """Forget all changes, which cannot be undone any more, for example after a merge."""
        self._done.clear()
        self._undone.clear()

    def _step(self, source: list[_Change], target: list[_Change], side: int) -> list[int]:
        known = {image.number: image for image in self.project.images}
        while source:
            # An image may have been deleted meanwhile, and its part may have been decided.
            wanted = [
                replace(images[side], part=known[images[side].number].part)
                for images in source[-1]
                if images[side].number in known
            ]
            if not wanted:
                source.pop()
                continue
            self.project.put(wanted)
            target.append(source.pop())
            return [image.number for image in wanted]
        return []
