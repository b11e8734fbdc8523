"""Options of `process` that hide objects: check them, and find the models that see the objects."""

from collections.abc import Sequence
from dataclasses import replace

from ssd_live.commands.options import names_in
from ssd_live.commands.process import Request
from ssd_live.detection.filter import DetectionFilter, detection_filter, for_tracking
from ssd_live.errors import UsageError
from ssd_live.imaging.redaction import THRESHOLD_SHARE
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.metadata import Metadata
from ssd_live.process.redaction import RedactionOptions
from ssd_live.system.standard_streams import STREAM
from ssd_live.tracking.options import TrackingOptions

# Of the two models for faces that ship, the one that misses fewer (docs/redaction.md).
FACE_MODEL = "blazeface-256"


# Smoother boxes look better, but leave the object where it turns quickly.
_SMOOTHING_SECONDS = 0.1


def redaction_of(request: Request) -> RedactionOptions | None:
    """Return how objects are hidden, or None without `--redact`.

    Raises `UsageError` if another option does not fit to it.
    """
    plain = Request([])
    if not request.redact:
        for name in ("redact_style", "redact_margin", "redact_sound", "doubts", "review"):
            if getattr(request, name) != getattr(plain, name):
                option = f"--{name.replace('_', '-')}"
                raise UsageError(f"{option} is for --redact; give both or neither")
        return None
    if request.no_video:
        raise UsageError(
            "--redact hides objects in the copy of the video; name it with -o, and leave out "
            "--no-video"
        )
    if request.track not in (None, "two-pass"):
        raise UsageError(
            f"--redact needs --track two-pass, which finds objects between two detections, and not "
            f"--track {request.track}; leave out --track"
        )
    if STREAM in request.inputs:
        raise UsageError(
            "--redact reads the video more than once, which the standard input cannot; give a file"
        )
    for name, why in (
        ("classes", "hides the classes that it names"),
        ("labels", "draws no boxes and labels"),
        ("line_width", "draws no boxes and labels"),
        ("zones", "draws nothing; count in a run of its own"),
    ):
        if getattr(request, name) != getattr(plain, name):
            raise UsageError(f"--redact {why}; leave out --{name.replace('_', '-')}")
    names = tuple(name.strip() for name in names_in(request.redact))
    if "" in names:
        raise UsageError(f"--redact {request.redact!r} has an empty name; give classes like A,B")
    if request.review is not None:
        if request.review.suffix.lower() != ".jsonl":
            raise UsageError(f"{request.review}: a review is JSON lines; end the name in .jsonl")
        for name in ("doubts", "detections"):
            if getattr(request, name) is not None:
                raise UsageError(f"--review has the {name} too; leave out --{name}")
        for name, option in (("tracks", "tracks"), ("json_file", "json"), ("index", "index")):
            if getattr(request, name):
                raise UsageError(f"--review writes no other results; leave out --{option}")
    return RedactionOptions(
        names,
        request.redact_style,
        request.redact_margin,
        request.redact_sound,
        request.review,
    )


def models_that_see(names: Sequence[str], model: str) -> list[tuple[ModelFile, tuple[str, ...]]]:
    """Return the models that are needed to see the classes `names`, each with its classes.

    A class is looked up in `model`, and then in the model for faces that ships. Upper and lower
    case do not matter. Raises `UsageError` if neither has one of them, and what `find_model`
    raises.
    """
    models = [find_model(model)]
    if find_model(FACE_MODEL).sha256 != models[0].sha256:
        models.append(find_model(FACE_MODEL))
    known = [{name.casefold() for name in each.metadata.classes} for each in models]
    unknown = [name for name in names if not any(name.casefold() in its for its in known)]
    if unknown:
        offers = "; ".join(f"{each.name} has {', '.join(each.metadata.classes)}" for each in models)
        raise UsageError(f"no model here finds {', '.join(map(repr, unknown))}: {offers}")
    left = list(names)
    found = []
    for each, its in zip(models, known, strict=True):
        if seen := tuple(name for name in left if name.casefold() in its):
            found.append((each, seen))
            left = [name for name in left if name not in seen]
    return found


def redaction_filter(
    metadata: Metadata, threshold: float | None, names: Sequence[str]
) -> tuple[TrackingOptions, DetectionFilter]:
    """Return how the objects to hide are tracked, and the filter for their detections.

    Without a `threshold`, objects count from `THRESHOLD_SHARE` of the display threshold on. Once a
    track is hidden, it stays hidden. Raises `UsageError` if the threshold is not possible.
    """
    shown = detection_filter(metadata, threshold, names)
    if threshold is None:
        lowest = (shown.thresholds * THRESHOLD_SHARE).clip(metadata.score_threshold)
        shown = replace(shown, threshold=float(lowest.min()), class_thresholds=lowest)
    tracking, helping = for_tracking("two-pass", metadata, shown)
    return replace(tracking, stays=0.0, smoothing=_SMOOTHING_SECONDS), helping
