"""Change labels one step at a time, with undo and redo without end."""

from dataclasses import replace

from ssd_live.project.labels import LabelledBox, ProjectImage
from ssd_live.project.store import Project


class Editor:
    """Changes the labels of the images of `project`; each change is stored at once.

    All methods that change something raise `OutputError` if it cannot be stored; then nothing has
    changed.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        # Images before and after each change.
        self._done: list[tuple[ProjectImage, ProjectImage]] = []
        self._undone: list[tuple[ProjectImage, ProjectImage]] = []

    def set_boxes(self, number: int, boxes: tuple[LabelledBox, ...]) -> None:
        """Replace the boxes of an image."""
        self._change(replace(self.project.image(number), boxes=boxes))

    def accept(self, number: int) -> None:
        """Make the suggestions in an image labels, and say that all its objects are labelled."""
        image = self.project.image(number)
        boxes = tuple(replace(each, score=None) for each in image.boxes)
        self._change(replace(image, boxes=boxes, is_labelled=True))

    def mark_nothing(self, number: int) -> None:
        """Say that there is nothing to find in an image."""
        self._change(replace(self.project.image(number), boxes=(), is_labelled=True))

    def mark_unlabelled(self, number: int) -> None:
        """Say that the labels of an image are not complete."""
        self._change(replace(self.project.image(number), is_labelled=False))

    def undo(self) -> int | None:
        """Undo the last change; return the number of its image, or None if there is none."""
        return self._step(self._done, self._undone, 0)

    def redo(self) -> int | None:
        """Do the last undone change again; return the number of its image, or None."""
        return self._step(self._undone, self._done, 1)

    def _change(self, image: ProjectImage) -> None:
        before = self.project.image(image.number)
        if image == before:
            return
        self.project.put([image])
        self._done.append((before, image))
        self._undone.clear()

    def _step(
        self,
        source: list[tuple[ProjectImage, ProjectImage]],
        target: list[tuple[ProjectImage, ProjectImage]],
        side: int,
    ) -> int | None:
        while source:
            change = source[-1]
            wanted = change[side]
            # An image may have been deleted meanwhile, and its part may have been decided.
            known = {image.number: image for image in self.project.images}.get(wanted.number)
            if known is None:
                source.pop()
                continue
            self.project.put([replace(wanted, part=known.part)])
            target.append(source.pop())
            return wanted.number
        return None
