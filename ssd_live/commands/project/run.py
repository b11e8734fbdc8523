"""`project new`, `show`, `add` and `label`: make a project, and fill it."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from ssd_live.commands.options import names_in
from ssd_live.commands.progress import notify
from ssd_live.commands.project import (
    BASE_MODEL,
    AddRequest,
    LabelRequest,
    NewRequest,
    ShowRequest,
)
from ssd_live.datasets.load import load_data
from ssd_live.errors import DataError, IncompleteError, UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from ssd_live.project.collect import (
    Collector,
    add_files,
    add_folder,
    add_unsure,
    add_video,
    labels_by_name,
)
from ssd_live.project.doubt import doubt_in
from ssd_live.project.follow import carried_through
from ssd_live.project.labels import ProjectImage
from ssd_live.project.store import Project, create_project
from ssd_live.project.suggest import accepted, numbers_by_name, suggest
from ssd_live.project.versions import active_version, versions_of
from ssd_live.system.paths import printable
from ssd_live.system.texts import counted

_SHOWN_FINDINGS = 10
# Scores below this are noise to most networks.
_SUGGESTED_FROM = 0.3


def make(request: NewRequest) -> None:
    """Make a new project, and say how to go on."""
    create_project(request.folder, names_in(request.classes), request.name)
    print(f"made the project {printable(request.folder)}; add images with `project add`")


def show(request: ShowRequest) -> None:
    """Print what is in a project."""
    with Project(request.folder) as project:
        facts = _facts(project)
    if request.as_json:
        print(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    print(
        f"{facts['name']}: {counted(facts['images'], 'image')}, {facts['labelled']} labelled, "
        f"{counted(facts['objects'], 'object')}"
    )
    table = Table(Column("class"), Column("objects", justify="right"), box=None)
    for name, count in facts["classes"].items():
        table.add_row(name, f"{count:,}")
    Console().print(table)
    for version in facts["versions"]:
        mark = " (in use)" if version["in_use"] else ""
        print(f"version {version['number']}{mark}: {version['sentence']}")


def _facts(project: Project) -> dict[str, Any]:
    objects = Counter(box.class_id for image in project.labelled for box in image.sure_boxes)
    active = active_version(project.folder)
    return {
        "name": project.name,
        "folder": printable(project.folder),
        "images": len(project.images),
        "labelled": len(project.labelled),
        "objects": sum(objects.values()),
        "classes": {name: objects[number] for number, name in project.classes.items()},
        "versions": [
            {
                "number": version.number,
                "in_use": version.number == active,
                "sentence": version.sentence,
            }
            for version in versions_of(project.folder)
        ],
    }


def add(request: AddRequest) -> None:
    """Add images to a project, and say what was left out."""
    for path in request.inputs:
        if not path.exists():
            raise UsageError(f"{path}: there is no such file or folder; check the path")
        if request.unsure and path.suffix.lower() not in VIDEO_SUFFIXES:
            raise UsageError(f"{path}: is no video, and --unsure is for videos; leave it out")
    if request.unsure and request.start:
        raise UsageError("--unsure looks at whole videos; leave out --start")
    if request.model and not request.unsure:
        raise UsageError("--model is for --unsure; give both or neither")
    with Project(request.folder) as project:
        collector = Collector(project, keeps_near=request.keep_near)
        try:
            for path in request.inputs:
                _add(project, collector, path, request)
        finally:
            collected = collector.finish()
    _tell(collected.findings)
    boxes = f" with {counted(collected.boxes, 'labelled object')}" if collected.boxes else ""
    near = f"; {counted(collected.near, 'near-duplicate')} left out" if collected.near else ""
    print(f"added {counted(collected.images, 'image')}{boxes}{near}")
    if not collected.images and not collected.near:
        raise IncompleteError("no image was added; give images, videos or data sets")


def _tell(findings: Sequence[str]) -> None:
    for finding in findings[:_SHOWN_FINDINGS]:
        notify(f"note: {finding}")
    if len(findings) > _SHOWN_FINDINGS:
        notify(f"note: and {len(findings) - _SHOWN_FINDINGS} more")


def _add(project: Project, collector: Collector, path: Path, request: AddRequest) -> None:
    if request.unsure:
        _add_unsure(project, collector, path, request)
        return
    if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES:
        add_video(collector, path, request.every, request.count, request.start)
        return
    if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES:
        add_files(collector, [path], "")
        return
    if path.is_file() and path.suffix.lower() != ".json":
        raise UsageError(
            f"{path}: is no image, no video and no data set that is known by its ending; give "
            "another file, or a folder"
        )
    add_folder(collector, project, path, request.split)


def _add_unsure(project: Project, collector: Collector, path: Path, request: AddRequest) -> None:
    from ssd_live.detection.video import track

    names = list(project.classes.values())
    with track(
        str(path),
        model=_model_for(project, request.model),
        threshold=_SUGGESTED_FROM,
        notify=notify,
    ) as frames:
        begin = frames.info.start
        doubted = (
            (Frame((image,), time=begin + frames.time), doubt_in(found, names))
            for image, found in frames
        )
        add_unsure(collector, path, doubted, request.every, request.count)


def _model_for(project: Project, wanted: str) -> str:
    """Return the model that suggests: the wanted one, the version in use, or the bundled one."""
    active = active_version(project.folder)
    of_version = [its.model for its in versions_of(project.folder) if its.number == active]
    return wanted or (str(of_version[0]) if of_version else BASE_MODEL)


def label(request: LabelRequest) -> None:
    """Change the labels of a project as the options say, and print what was done."""
    with Project(request.folder) as project:
        done = [line for step in _STEPS for line in step(project, request)]
    if not done:
        raise UsageError("say what to do, for example --from FILE, --suggest or --nothing A,B")
    for line in done:
        print(line)


def _change_classes(project: Project, request: LabelRequest) -> Iterator[str]:
    if request.add_class is not None:
        project.add_class(request.add_class)
        yield f"added the class {request.add_class.strip()}"
    if request.rename is not None:
        old, new = _pair("--rename", request.rename)
        project.rename_class(old, new)
        yield f"the class {old} is called {new} now"
    if request.merge is not None:
        old, new = _pair("--merge", request.merge)
        count = project.merge_class(old, new)
        yield f"{counted(count, 'object')} of {old} are {new} now"


def _take_labels(project: Project, request: LabelRequest) -> Iterator[str]:
    if request.source is None:
        return
    data = load_data(request.source)
    changed, findings = labels_by_name(project, data)
    if not changed:
        raise DataError(
            f"{request.source}: none of its images is in the project; the file names must be "
            "those in the folder images"
        )
    project.put(changed)
    _tell(findings)
    yield f"labelled {counted(len(changed), 'image')} from {printable(request.source)}"


def _mark_nothing(project: Project, request: LabelRequest) -> Iterator[str]:
    if request.nothing is not None:
        images = _named(project, "--nothing", request.nothing)
        project.put([replace(image, boxes=(), is_labelled=True) for image in images])
        yield f"nothing to find in {counted(len(images), 'image')}"


def _remove(project: Project, request: LabelRequest) -> Iterator[str]:
    if request.remove is not None:
        images = _named(project, "--remove", request.remove)
        for image in images:
            project.remove(image)
        yield f"deleted {counted(len(images), 'image')}"


def _suggest(project: Project, request: LabelRequest) -> Iterator[str]:
    if not request.suggest:
        if request.model:
            raise UsageError("--model is for --suggest; give both or neither")
        return
    from ssd_live.detection.detector import load

    model = _model_for(project, request.model)
    with load(model, threshold=request.threshold, notify=notify) as detector:
        known = {name.casefold() for name in detector.model.metadata.classes}
        if not known & set(numbers_by_name(project, of_version=not request.model)):
            raise UsageError(
                f"{detector.model.name} knows none of the classes "
                f"{', '.join(project.classes.values())}; label some images yourself and train "
                "first, or give another --model"
            )
        images = boxes = 0
        for image in suggest(project, detector, notify, of_version=not request.model):
            images, boxes = images + 1, boxes + len(image.boxes) - len(image.sure_boxes)
    yield f"suggested {counted(boxes, 'object')} in {counted(images, 'image')}"


def _carry(project: Project, request: LabelRequest) -> Iterator[str]:
    if request.carry is None:
        return
    for named in _named(project, "--carry", request.carry):
        # An image before it may have been carried into it.
        image = project.image(named.number)
        if not image.boxes:
            raise UsageError(f"--carry: {image.file_name} has no boxes; label its objects first")
        boxes = images = 0
        # The project is changed while it is followed, so that nothing is lost at a Ctrl-C.
        for changed in carried_through(project, image):
            project.put([changed])
            images, boxes = images + 1, boxes + len(changed.boxes) - len(changed.sure_boxes)
        if not images:
            raise DataError(
                f"{image.file_name}: no box was carried: the objects were not found again, or no "
                "image without labels follows in the same video; add frames of the video first"
            )
        yield f"carried {counted(boxes, 'object')} into {counted(images, 'image')}"


def _accept(project: Project, request: LabelRequest) -> Iterator[str]:
    if request.accept is None:
        return
    images = [image for image in project.images if not image.is_labelled and image.boxes]
    project.put([accepted(image, request.accept) for image in images])
    yield f"accepted the suggestions in {counted(len(images), 'image')}"


_STEPS = (_change_classes, _take_labels, _mark_nothing, _remove, _suggest, _carry, _accept)


def _pair(option: str, text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old.strip() and equals and new.strip()):
        raise UsageError(f"{option} {text!r} must be OLD=NEW, for example Cup=Mug")
    return old.strip(), new.strip()


def _named(project: Project, option: str, text: str) -> list[ProjectImage]:
    by_name = {image.file_name: image for image in project.images}
    names = names_in(text)
    for name in names:
        if name not in by_name:
            raise UsageError(
                f"{option}: there is no image {name!r} in the project; give names of files in "
                "its folder images"
            )
    return [by_name[name] for name in names]
