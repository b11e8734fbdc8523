"""Find the input files of `process`, and choose an output path for each."""

import glob
import hashlib
import os
import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ssd_live.errors import MediaError, SsdLiveError, UsageError
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural_order
from ssd_live.process.storage import StoredFile, is_address, listed, shown
from ssd_live.system.paths import resolve, state_folder
from ssd_live.video.encoders import Codec
from ssd_live.video.writer import CONTAINERS

# These containers can hold H.264, HEVC and AV1, so the output gets the container of the input. All
# other inputs give .mp4, which browsers and phones play.
_KEPT_CONTAINERS = {".mp4", ".mkv", ".mov", ".m4v"}
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_MATROSKA_CODECS: tuple[Codec, ...] = ("ffv1", "mjpeg")


@dataclass(frozen=True)
class Span:
    """A part of a video: `start` is in seconds after the first frame, and `duration` is in seconds,
    or None to go to the end.
    """

    start: float
    duration: float | None


@dataclass(frozen=True)
class Task:
    """One input file and its output file.

    `source` is the path of the input. `name` is the same path relative to the folder that holds all
    inputs; the output folder has the same subfolders. `output` is the path of the output, or None
    if only detections are written.

    An input or output may be in storage (see `storage`). Then `source_address` or `output_address`
    is its address, `source` or `output` is only a name for it, and `source_version` changes with
    the input.

    If `span` is given, the task is a part of a longer one (see `split`), and its output has no
    sound.
    """

    source: Path
    name: Path
    output: Path | None
    source_address: str = ""
    source_version: str = ""
    output_address: str = ""
    span: Span | None = None

    @property
    def is_stored(self) -> bool:
        """Whether the input or the output is in storage, and not on this machine."""
        return bool(self.source_address or self.output_address)

    @property
    def source_text(self) -> str:
        """The path or the address of the input, without a password."""
        return shown(self.source_address) or str(self.source)

    @property
    def output_text(self) -> str:
        """The path or the address of the output, without a password; empty if there is none."""
        return shown(self.output_address) or str(self.output or "")

    @property
    def is_image(self) -> bool:
        """Whether the input is an image and not a video, by its file ending."""
        return self.source.suffix.lower() in IMAGE_SUFFIXES


@dataclass(frozen=True)
class Plan:
    """All tasks of one `process` command.

    `folder` is the output folder. It is None if the output is a single named file, or if no video
    or image is written. If the output folder is in storage, `folder_address` is its address, and
    `folder` is a folder of this machine that stands for it.
    """

    tasks: tuple[Task, ...]
    folder: Path | None
    folder_address: str = ""

    @property
    def folder_text(self) -> str:
        """The path or the address of the output folder, without a password."""
        return shown(self.folder_address) or str(self.folder or "")


def make_plan(inputs: Sequence[str], output: str | None, codec: Codec) -> Plan:
    """Return a plan with one task for each input file.

    Wildcards and folders in `inputs` are expanded, and each input gets an output path of its own.
    `output` is a file, a folder, or None if no video or image is written. Inputs and the output may
    be addresses of storage; see `storage`. `codec` decides the file endings of videos in an output
    folder. Raises `UsageError` if an input is empty text or the address of a stream, or if the
    output path cannot be used or would overwrite an input. Raises `MediaError` if a file does not
    exist, or if a folder has no video or image, and the errors of `storage.listed`.
    """
    if "" in inputs or output in ("", "-"):
        raise UsageError(
            "the path of an input or of the output is empty, or the output is `-`; give the path "
            "of a file or folder"
        )
    if any(is_address(text) for text in (*inputs, output or "")):
        return _plan_with_storage(inputs, output, codec)
    target = Path(output) if output else None
    paths = [path for text in inputs for path in _expand_wildcards(text)]
    if target is not None and target.is_dir() and len(paths) > 1:
        # `process * -o annotated` lists the output folder among the inputs.
        paths = [path for path in paths if not _same_file(path, target)]
    from_folder = len(paths) > 1 or any(path.is_dir() for path in paths)
    base = _base(paths)
    sources = _sources(paths, target if from_folder else None)
    if target is None:
        return Plan(tuple(Task(source, _name(source, base), None) for source in sources), None)
    media_name = target.suffix.lower() in CONTAINERS or target.suffix.lower() in IMAGE_SUFFIXES
    if not from_folder and media_name and not target.is_dir():
        plan = Plan((Task(sources[0], Path(sources[0].name), target),), None)
    elif (
        not from_folder
        and target.suffix
        and not target.is_dir()
        and not str(output).endswith(("/", os.sep))
    ):
        endings = ", ".join([*CONTAINERS, *sorted(IMAGE_SUFFIXES)])
        raise UsageError(
            f"{target}: the name does not show a format; end it in {endings}, or in / for a folder"
        )
    elif (target.exists() and not target.is_dir()) or (media_name and not target.is_dir()):
        raise UsageError(
            f"{target}: is not a folder, but several inputs, and the files of an input folder, "
            "need a folder for their outputs; give a folder with -o"
        )
    else:
        names = [_name(source, base) for source in sources]
        outputs = _output_names(names, codec)
        tasks = (
            Task(source, name, target / out)
            for source, name, out in zip(sources, names, outputs, strict=True)
        )
        plan = Plan(tuple(tasks), target)
    _refuse_overwritten_inputs(plan, sources)
    return plan


def _plan_with_storage(inputs: Sequence[str], output: str | None, codec: Codec) -> Plan:
    """Return the plan of inputs of which some are in storage, or of an output that is; see
    `make_plan`.
    """
    paths = [text for text in inputs if not is_address(text)]
    tasks = list(make_plan(paths, None, codec).tasks) if paths else []
    addresses = [text for text in inputs if is_address(text)]
    files = {file.address: file for text in addresses for file in listed(text)}
    tasks += _tasks_in_storage(list(files.values()))
    if output is None:
        return Plan(tuple(_with_names_of_their_own(tasks)), None)
    if is_address(output) and output.lower().startswith(("http://", "https://")):
        raise UsageError(f"{shown(output)}: web servers take no files; give another storage")
    # An output folder may lie in an input folder.
    tasks = [task for task in tasks if not _is_in_output(task, output, inputs)]
    if not tasks:
        raise MediaError(
            f"{shown(output)}: the inputs are only what lies in the output folder; give another "
            "folder with -o"
        )
    tasks = _with_names_of_their_own(tasks)
    is_many = (
        len(tasks) > 1 or list(files) != addresses or any(Path(path).is_dir() for path in paths)
    )
    suffix = Path(output).suffix.lower()
    is_folder = output.endswith(("/", os.sep)) or not suffix or Path(output).is_dir()
    if not is_folder and suffix not in CONTAINERS and suffix not in IMAGE_SUFFIXES:
        endings = ", ".join([*CONTAINERS, *sorted(IMAGE_SUFFIXES)])
        raise UsageError(
            f"{shown(output)}: the name does not show a format; end it in {endings}, or in / for a "
            "folder"
        )
    if not is_folder and is_many:
        raise UsageError(
            f"{shown(output)}: is not a folder, but several inputs, and the files of an input "
            "folder, need a folder for their outputs; give a folder with -o"
        )
    is_stored = is_address(output)
    if not is_folder:
        place = Path(posixpath.basename(output)) if is_stored else Path(output)
        tasks = [replace(tasks[0], output=place, output_address=output if is_stored else "")]
        plan = Plan(tuple(tasks), None)
    else:
        names = _output_names([task.name for task in tasks], codec)
        target = output.rstrip("/")
        plan = Plan(
            tuple(
                replace(task, output=name, output_address=f"{target}/{name.as_posix()}")
                if is_stored
                else replace(task, output=Path(output) / name)
                for task, name in zip(tasks, names, strict=True)
            ),
            _folder_for(target) if is_stored else Path(output),
            output if is_stored else "",
        )
    taken = {task.source_address for task in plan.tasks if task.source_address}
    for task in plan.tasks:
        if task.output_address in taken:
            raise UsageError(
                f"{task.output_text}: the output would overwrite an input; give another name or "
                "folder with -o"
            )
    local = [task.source for task in plan.tasks if not task.is_stored]
    _refuse_overwritten_inputs(Plan(tuple(t for t in plan.tasks if not t.is_stored), None), local)
    return plan


def _tasks_in_storage(files: Sequence[StoredFile]) -> list[Task]:
    """Return tasks without outputs for files in storage."""
    parents = [posixpath.dirname(file.path.strip("/")) or "." for file in files]
    base = posixpath.commonpath(parents) if files else ""
    return [
        Task(name, name, None, file.address, file.version)
        for file in files
        for name in [Path(posixpath.relpath(file.path.strip("/"), base or "."))]
    ]


def _is_in_output(task: Task, output: str, inputs: Sequence[str]) -> bool:
    """Return whether an input of a folder is an earlier output, because the folders overlap."""
    place = task.source_address or str(task.source)
    if place in inputs:
        return False
    if is_address(output):
        return place.startswith(f"{output.rstrip('/')}/") and not any(
            output.rstrip("/") == text.rstrip("/") for text in inputs
        )
    return (
        not task.source_address and Path(output).is_dir() and _is_within(task.source, Path(output))
    )


def _with_names_of_their_own(tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks with numbers in the names that would otherwise be the same."""
    taken: set[str] = set()
    found = []
    for task in tasks:
        name, number = task.name, 2
        while str(name).casefold() in taken:
            name = task.name.with_name(f"{task.name.stem}-{number}{task.name.suffix}")
            number += 1
        taken.add(str(name).casefold())
        found.append(replace(task, name=name))
    return found


def _folder_for(address: str) -> Path:
    """Return the folder of this machine that stands for an output folder in storage."""
    # A new password does not make another folder, and nobody can guess one from the name.
    name = hashlib.sha256(shown(address).encode()).hexdigest()[:32]
    return state_folder() / "storage" / name


def _expand_wildcards(text: str) -> list[Path]:
    """Return the paths that match `text`, in natural order: `file2` before `file10`.

    This is needed because a shell on Windows does not expand wildcards. If `text` has no wildcard,
    or if a file is named exactly `text`, only this path is returned. Raises `MediaError` if `text`
    has wildcards and nothing matches.
    """
    path = Path(text)
    if path.exists() or not glob.has_magic(text):
        return [path]
    found = sorted((Path(name) for name in glob.glob(str(path), recursive=True)), key=natural_order)
    if not found:
        raise MediaError(f"{text}: nothing matches this pattern; correct the pattern")
    return found


def _sources(paths: Sequence[Path], target: Path | None) -> list[Path]:
    """Return the paths of all input files, each only once.

    A folder in `paths` gives the videos and images in it and in its subfolders. `target` is the
    output folder or None. If it is inside an input folder, the files in it are left out. Raises
    `MediaError` if a file does not exist, or if a folder has no video or image.
    """
    sources: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            there = (file for file in path.rglob("*") if not _is_hidden(file, path))
            files = sorted(filter(_is_media, there), key=natural_order)
            outputs_inside = (
                target is not None and resolve(target) != resolve(path) and _is_within(target, path)
            )
            inside = [
                file
                for file in files
                if target is None or not outputs_inside or not _is_within(file, target)
            ]
            if not inside:
                raise MediaError(
                    f"{path}: there is no video or image in this folder; give another folder"
                )
            found = inside
        else:
            if not path.exists():
                raise _missing(path)
            found = [path]
        for file in found:
            sources.setdefault(resolve(file), file)
    return list(sources.values())


def is_address_path(path: Path) -> bool:
    """Return whether a path was made of the address of a stream or of a file in storage."""
    # `Path` makes one slash of the two slashes of an address.
    return _ADDRESS.match(str(path)) is not None


def _missing(path: Path) -> SsdLiveError:
    if is_address_path(path):
        return UsageError(
            f"{path}: process reads files, and this is a stream; use `live ADDRESS --record "
            "FILE.mkv`"
        )
    return MediaError(f"{path}: there is no such file; check the path")


def _is_hidden(path: Path, folder: Path) -> bool:
    """Return whether a file in a folder, or a subfolder that it is in, is hidden."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _is_media(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES


def _is_within(path: Path, folder: Path) -> bool:
    return resolve(path).is_relative_to(resolve(folder))


def _base(paths: Sequence[Path]) -> Path:
    """Return the deepest folder that holds all of `paths`.

    Return an empty path if there is none, because the paths are on different drives.
    """
    parents = [str(resolve(path) if path.is_dir() else resolve(path).parent) for path in paths]
    try:
        return Path(os.path.commonpath(parents))
    except ValueError:  # different drives
        return Path()


def _name(source: Path, base: Path) -> Path:
    full = resolve(source)
    return full.relative_to(base) if full.is_relative_to(base) else Path(*full.parts[1:])


def _output_names(names: Sequence[Path], codec: Codec) -> list[Path]:
    """Return one relative output path for each input name, in the same order.

    No two paths are equal, even for a file system that does not distinguish upper and lower case.
    If two inputs would get the same path (clip.avi and clip.mp4), the new suffix is added to the
    whole name: clip.avi.mp4. If that path is taken too, a number is added.
    """
    simple = [_output_name(name, codec) for name in names]
    wanted = Counter(str(name).casefold() for name in simple)
    taken: set[str] = set()
    outputs = []
    for original, name in zip(names, simple, strict=True):
        output = (
            name
            if wanted[str(name).casefold()] == 1
            else original.with_name(original.name + name.suffix)
        )
        number = 2
        while str(output).casefold() in taken or (
            output != name and str(output).casefold() in wanted
        ):
            output = original.with_name(f"{original.name}-{number}{name.suffix}")
            number += 1
        taken.add(str(output).casefold())
        outputs.append(output)
    return outputs


def _output_name(name: Path, codec: Codec) -> Path:
    suffix = name.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return name
    if codec in _MATROSKA_CODECS:
        return name.with_suffix(".mkv")
    return name if suffix in _KEPT_CONTAINERS else name.with_suffix(".mp4")


def _refuse_overwritten_inputs(plan: Plan, sources: Sequence[Path]) -> None:
    inputs = {resolve(source) for source in sources}
    for task in plan.tasks:
        if task.output is not None and (
            resolve(task.output) in inputs or _same_file(task.output, task.source)
        ):
            raise UsageError(
                f"{task.output}: the output would overwrite an input; give another name or folder "
                "with -o"
            )


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
