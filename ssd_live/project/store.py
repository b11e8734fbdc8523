"""Keep the labels of a project on disk so that nothing is lost, whatever happens to the program.

A project is a folder:

- `project.json`: its format and its name.
- `images/`: the images, upright and with 8 bits, so that every program sees them alike.
- `annotations/instances.json`: the labelled images as a plain COCO file, which other tools read.
- `unlabelled.json`: the other images, with suggestions.
- `journal.jsonl`: what was done since these two files were written, a line each.
- `versions/`: the detectors that were trained.

Each action is a line of the journal, which is on disk before the action is done. It replaces a
whole image or the list of classes, so that reading the journal twice does no harm.
"""

import contextlib
import json
import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ssd_live.closing import Closing
from ssd_live.errors import DataError, OutputError, UsageError
from ssd_live.project.labels import ProjectImage, image_of, image_record
from ssd_live.system.atomic_files import atomic_write, os_error_text

FORMAT = 1
PROJECT_FILE, INSTANCES, UNLABELLED = (
    "project.json",
    "annotations/instances.json",
    "unlabelled.json",
)
JOURNAL, IMAGES, VERSIONS, LOCK = "journal.jsonl", "images", "versions", ".lock"
# So many actions wait in the journal before the labels are written anew.
_LONGEST_JOURNAL = 2000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_MOST_CLASSES, _LONGEST_CLASS = 1000, 100


def create_project(folder: Path, classes: Sequence[str], name: str = "") -> None:
    """Make a new project in `folder`, which must not exist or must be empty.

    `name` is that of the project and of its detector, by default that of the folder. Raises
    `UsageError` if the name or a class is not valid or the folder has something in it, and
    `OutputError` if it cannot be written.
    """
    name = name or folder.absolute().name
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a project: it must have 1 to 100 letters, digits and "
            "the characters . _ + -; give another one with --name"
        )
    checked = _checked_classes(classes)
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder}: has something in it already; give a new folder")
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({os_error_text(error)}); choose another place"
        ) from error
    numbered = dict(enumerate(checked, 1))
    _write_json(folder / INSTANCES, coco_of(numbered, ()))
    _write_json(folder / UNLABELLED, {"images": []})
    # The last file makes it a project.
    _write_json(folder / PROJECT_FILE, {"format": FORMAT, "name": name})


class Project(Closing):
    """An open project, which no other program can open meanwhile. Close it to free it.

    The constructor raises `DataError` if `folder` is no project or its labels are damaged,
    `UsageError` if another program has it open, and `OutputError` if it cannot be written. The
    methods that change something raise `OutputError` if it cannot be written; then nothing has
    changed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = project_name(folder)
        self._lock = locked(
            folder / LOCK, f"{folder}: is open in another program; close the project there first"
        )
        self._classes: dict[int, str] = {}
        self._images: dict[int, ProjectImage] = {}
        self._next_number = 1
        # How many lines the journal has.
        self._lines = 0
        # Classes that were merged into others.
        self._merged: dict[int, int] = {}
        # How many objects each class has, and how many images are labelled.
        self._objects: Counter[int] = Counter()
        self._labelled_count = 0
        # The window adds images in a thread.
        self._changing = threading.RLock()
        try:
            self._read()
            self._journal: IO[bytes] = _opened_journal(folder / JOURNAL)
        except BaseException:
            self._lock.release()
            raise

    @property
    def classes(self) -> dict[int, str]:
        """The name of each class by its number, in order."""
        return dict(self._classes)

    def __len__(self) -> int:
        return len(self._images)

    @property
    def merged(self) -> dict[int, int]:
        """The number of the class that each class that is gone was merged into."""
        return dict(self._merged)

    @property
    def object_counts(self) -> Counter[int]:
        """How many objects each class has, by its number; suggestions do not count."""
        return Counter(self._objects)

    @property
    def labelled_count(self) -> int:
        """How many images are labelled."""
        return self._labelled_count

    @property
    def images(self) -> list[ProjectImage]:
        """All images, in the order in which they were added."""
        return list(self._images.values())

    @property
    def labelled(self) -> list[ProjectImage]:
        """The images of which a person has said that all objects are labelled."""
        return [image for image in self.images if image.is_labelled]

    def image(self, number: int) -> ProjectImage:
        """Return the image with this number. Raises `DataError` if there is none."""
        if number not in self._images:
            raise DataError(f"{self.folder}: has no image {number}")
        return self._images[number]

    def path_of(self, image: ProjectImage) -> Path:
        """Return the path of the file of an image."""
        return self.folder / IMAGES / image.file_name

    def next_number(self) -> int:
        """Return the number of the next new image."""
        return self._next_number

    def put(self, images: Iterable[ProjectImage]) -> None:
        """Add images, or replace those with the same numbers."""
        images = list(images)
        with self._changing:
            for image in images:
                self._check_classes(image)
            self._write([{"image": image_record(image)} for image in images])
            for image in images:
                self._take(image)
            self._tidy_sometimes()

    def remove(self, image: ProjectImage) -> None:
        """Take an image out of the project, and delete its file."""
        with self._changing:
            self._write([{"removed": image.number}])
            self._count(self._images.pop(image.number), -1)
            try:
                self.path_of(image).unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(
                    f"{self.path_of(image)}: cannot be deleted ({os_error_text(error)}); the image "
                    "is not in the project any more, so delete the file yourself"
                ) from error
            self._tidy_sometimes()

    def add_class(self, name: str) -> int:
        """Add a class, and return its number. Raises `UsageError` if the name is not valid."""
        _checked_classes([*self._classes.values(), name])
        # The number of a class that was merged into another one is not given again.
        number = max([*self._classes, *self._merged], default=0) + 1
        self._set_classes({**self._classes, number: name.strip()})
        return number

    def rename_class(self, old: str, new: str) -> None:
        """Give a class another name. Raises `UsageError` if there is no class `old`, or if the new
        name is not valid.
        """
        number = self.class_number(old)
        renamed = {**self._classes, number: new.strip()}
        _checked_classes(list(renamed.values()))
        self._set_classes(renamed)

    def merge_class(self, old: str, new: str) -> int:
        """Make objects of the class `old` objects of the class `new`; return how many there were.

        Raises `UsageError` if one of the classes does not exist.
        """
        gone, kept = self.class_number(old), self.class_number(new)
        if gone == kept:
            raise UsageError(f"{old} and {new} are the same class; give two classes")
        changed = [
            image.merged(gone, kept)
            for image in self.images
            if any(each.class_id == gone for each in image.boxes)
        ]
        count = sum(each.class_id == gone for image in self.images for each in image.boxes)
        classes = {number: name for number, name in self._classes.items() if number != gone}
        merged = {old: kept if its == gone else its for old, its in self._merged.items()}
        merged[gone] = kept
        record = {
            "images": [image_record(image) for image in changed],
            "classes": _listed(classes),
            "merged": _listed(merged),
        }
        with self._changing:
            # One line, so that it is done wholly or not at all.
            self._write([record])
            for image in changed:
                self._take(image)
            self._classes, self._merged = classes, merged
            self._tidy_sometimes()
        return count

    def class_number(self, name: str) -> int:
        """Return the number of a class; upper and lower case do not matter.

        Raises `UsageError` if there is no such class.
        """
        wanted = name.strip().casefold()
        for number, known in self._classes.items():
            if known.casefold() == wanted:
                return number
        known_names = ", ".join(self._classes.values()) or "none"
        raise UsageError(
            f"{self.folder}: has no class {name!r}; choose one of its classes ({known_names}), or "
            "add it with `project label --add-class`"
        )

    def tidy(self) -> None:
        """Write the labels as COCO now, and begin a new journal. Raises `OutputError`."""
        with self._changing:
            labelled = self.labelled
            _write_json(self.folder / INSTANCES, coco_of(self._classes, labelled))
            others = [image_record(its) for its in self.images if not its.is_labelled]
            _write_json(
                self.folder / UNLABELLED,
                {"next": self._next_number, "merged": _listed(self._merged), "images": others},
            )
            try:
                self._journal.truncate(0)
            except OSError as error:
                raise _cannot_write(self.folder / JOURNAL, error) from error
            self._lines = 0

    def close(self) -> None:
        """Write the labels as COCO, if something was changed, and let other programs open it.

        If they cannot be written, the journal keeps what was done.
        """
        with self._changing:
            # If it fails, nothing is lost: the journal has it all.
            with contextlib.suppress(OutputError):
                if self._lines:
                    self.tidy()
            self._journal.close()
            self._lock.release()

    def _set_classes(self, classes: dict[int, str]) -> None:
        with self._changing:
            self._write([{"classes": _listed(classes)}])
            self._classes = classes
            self._tidy_sometimes()

    def _take(self, image: ProjectImage) -> None:
        """Take an image in, in place of the one with its number."""
        earlier = self._images.get(image.number)
        if earlier is not None:
            self._count(earlier, -1)
        self._images[image.number] = image
        self._count(image, 1)
        self._next_number = max(self._next_number, image.number + 1)

    def _count(self, image: ProjectImage, step: int) -> None:
        for each in image.sure_boxes:
            self._objects[each.class_id] += step
        self._labelled_count += step * image.is_labelled

    def _check_classes(self, image: ProjectImage) -> None:
        unknown = {each.class_id for each in image.boxes} - set(self._classes)
        if unknown:
            raise DataError(f"{self.folder}: has no class {min(unknown)}")

    def _tidy_sometimes(self) -> None:
        if self._lines >= max(_LONGEST_JOURNAL, len(self._images) // 4):
            # If it fails, the journal grows on.
            with contextlib.suppress(OutputError):
                self.tidy()

    def _write(self, records: Sequence[dict[str, Any]]) -> None:
        if not records:
            return
        lines = b"".join(
            json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            for record in records
        )
        end = self._journal.seek(0, os.SEEK_END)
        try:
            left = memoryview(lines)
            while left:
                left = left[self._journal.write(left) :]
            os.fsync(self._journal.fileno())
        except OSError as error:
            # Half a line would spoil the next one.
            with contextlib.suppress(OSError):
                self._journal.truncate(end)
            raise _cannot_write(self.folder / JOURNAL, error) from error
        self._lines += len(records)

    def _read(self) -> None:
        content = _read_json(self.folder / INSTANCES)
        others = _read_json(self.folder / UNLABELLED)
        try:
            self._classes = {
                int(entry["id"]): str(entry["name"]) for entry in content["categories"]
            }
            boxes: dict[int, list[Any]] = {}
            for annotation in content["annotations"]:
                boxes.setdefault(int(annotation["image_id"]), []).append(annotation)
            records = [
                {**entry, "labelled": True, "boxes": boxes.get(int(entry["id"]), [])}
                for entry in content["images"]
            ]
            listed = {int(record["id"]) for record in records}
            records += [its for its in others["images"] if int(its["id"]) not in listed]
            for image in map(image_of, records):
                self._take(image)
            self._merged = _numbers_in(others.get("merged", ()))
            self._next_number = max(int(others.get("next", 1)), self._next_number)
        except (KeyError, TypeError, ValueError, AttributeError, DataError) as error:
            raise DataError(
                f"{self.folder / INSTANCES}: is damaged ({error} is missing or wrong); put back an "
                "earlier copy of the folder"
            ) from error
        for record in _journal_records(self.folder / JOURNAL):
            try:
                self._replay(record)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise DataError(
                    f"{self.folder / JOURNAL}: is damaged ({error}); put back an earlier copy of it"
                ) from error
            self._lines += 1
        self._images = dict(sorted(self._images.items()))
        for image in self._images.values():
            self._check_classes(image)

    def _replay(self, record: dict[str, Any]) -> None:
        if "classes" in record:
            self._classes = {int(number): str(name) for number, name in record["classes"]}
        for entry in [*record.get("images", ()), *([record["image"]] if "image" in record else ())]:
            self._take(image_of(entry))
        if "merged" in record:
            self._merged = _numbers_in(record["merged"])
        gone = self._images.pop(int(record["removed"]), None) if "removed" in record else None
        if gone is not None:
            self._count(gone, -1)


def project_name(folder: Path) -> str:
    """Return the name of the project in `folder`.

    Raises `DataError` if there is no project, or if a newer version of the program has made it.
    """
    if not (folder / PROJECT_FILE).is_file():
        raise DataError(
            f"{folder}: is no project; give the folder of a project, or make one with `project new`"
        )
    content = _read_json(folder / PROJECT_FILE)
    if content.get("format") != FORMAT:
        raise DataError(
            f"{folder}: has the format {content.get('format')!r}, which this version of ssd_live "
            "does not know; use the version that made it"
        )
    name = str(content.get("name", folder.absolute().name))
    if not _NAME.fullmatch(name):
        raise DataError(f"{folder / PROJECT_FILE}: {name!r} cannot be the name of a project")
    return name


def _checked_classes(classes: Sequence[str]) -> list[str]:
    names = [name.strip() for name in classes]
    if len(names) > _MOST_CLASSES:
        raise UsageError(f"a project has at most {_MOST_CLASSES} classes; give fewer")
    for name in names:
        if not name or not name.isprintable() or "," in name or len(name) > _LONGEST_CLASS:
            raise UsageError(
                f"{name!r} cannot be the name of a class: it must have 1 to {_LONGEST_CLASS} "
                "letters that can be printed, and no comma; give another one"
            )
    folded = [name.casefold() for name in names]
    for name in names:
        if folded.count(name.casefold()) > 1:
            raise UsageError(f"there are two classes {name!r}; give each class a name of its own")
    return names


def _listed(items: Mapping[int, object]) -> list[list[Any]]:
    return [[key, value] for key, value in items.items()]


def _numbers_in(listed: Iterable[Sequence[Any]]) -> dict[int, int]:
    return {int(old): int(new) for old, new in listed}


def coco_of(classes: dict[int, str], images: Sequence[ProjectImage]) -> dict[str, Any]:
    """Return labelled images as the content of a COCO file."""
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image in images:
        record = image_record(image)
        boxes = record.pop("boxes")
        del record["labelled"]
        entries.append(record)
        for box in boxes:
            if "score" in box:
                # A suggestion that nobody accepted is no label.
                continue
            _, _, width, height = box["bbox"]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image.number,
                    **box,
                    "area": round(width * height, 2),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": name} for number, name in classes.items()]
    return {"images": entries, "annotations": annotations, "categories": categories}


def _journal_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what was done. The last line is left out if it is not complete, because the program
    was killed. Raises `DataError` if the journal is damaged.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({os_error_text(error)})") from error
    for line in data.split(b"\n")[:-1]:
        try:
            record = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}: is damaged ({error}); put back an earlier copy") from error
        if not isinstance(record, dict):
            raise DataError(f"{path}: is damaged; put back an earlier copy")
        yield record


def _opened_journal(path: Path) -> IO[bytes]:
    """Open a journal to write more, after its last complete line."""
    try:
        file = path.open("a+b", buffering=0)
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
    except OSError as error:
        raise _cannot_write(path, error) from error
    return file


def locked(path: Path, refusal: str) -> Any:
    """Return a lock on a file, which no other program gets until its `release`.

    Raises `UsageError` with the text `refusal` if another program has it, and `OutputError` if the
    file cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(refusal) from None
    except (OSError, NotImplementedError) as error:
        detail = os_error_text(error) if isinstance(error, OSError) else str(error)
        raise OutputError(
            f"{path.parent}: cannot be written ({detail}); copy the project to a place where it can"
        ) from error
    return lock


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path}: cannot be written ({os_error_text(error)}); nothing was changed: free some space "
        "or choose another place"
    )


def _write_json(path: Path, content: object) -> None:
    with atomic_write(path) as file:
        file.write(json.dumps(content, ensure_ascii=False).encode() + b"\n")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({os_error_text(error)}); put back an earlier copy of it"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is damaged ({error}); put back an earlier copy of it") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: is damaged; put back an earlier copy of it")
    return content
