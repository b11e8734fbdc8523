"""`quantize`: make an INT8 version of a model, and keep it only if its detections agree."""

from ssd_live.commands.progress import notify
from ssd_live.commands.quantize import Request
from ssd_live.commands.quantize.search import best_version, calibration_and_held_out
from ssd_live.datasets.load import load_data
from ssd_live.errors import ModelFileError, OutputError, UsageError
from ssd_live.modelfile.catalogue import find_model, int8_place
from ssd_live.modelfile.file import write_model_file


def run(request: Request) -> None:
    """Write the INT8 version of a float32 model, and print how far it agrees with float32.

    If there are labelled images, also print the mAP of both models on them. Raises `ModelFileError`
    if the INT8 version differs too much from float32 and `--force` was not given, `OutputError` if
    the output exists and may not be overwritten, and another `SsdLiveError` if the model, the data
    or a package cannot be used.
    """
    model = find_model(request.name)
    if model.metadata.precision != "float32":
        raise UsageError(
            f"{model.name} is {model.metadata.precision} already; give the float32 model"
        )
    path = request.output or int8_place(model)
    if path.exists() and not request.overwrite:
        raise OutputError(
            f"{path}: exists already; give --overwrite to replace the file, or another file with -o"
        )
    labels = load_data(request.labels) if request.labels else None
    calibration, held_out = calibration_and_held_out(model, request.data)
    notify(
        f"calibrating {model.name} on {len(calibration)} images and judging it on {len(held_out)}"
    )
    best = best_version(model, calibration, held_out, labels)
    if best.shortfall and not request.force:
        raise ModelFileError(
            f"{model.name}: the best INT8 version is too far from float32: {best.shortfall}; "
            "calibrate on more images of your own with --data, or give --force to write the file "
            "anyway"
        )
    write_model_file(path, best.file)
    print(
        f"written: {path} ({len(best.file.data) / 1e6:.1f} MB; the float32 model has "
        f"{len(model.data) / 1e6:.1f} MB)"
    )
    print(f"{best.attempt.words} in INT8")
    if labels is not None:
        print(
            f"{len(labels)} labelled images: {best.reached:.2f} mAP in float32, {best.score:.2f} "
            f"in INT8 ({best.score - best.reached:+.2f})"
        )
    print(best.agreement.box_text)
    print(f"{best.agreement.share:.1%} agreement with float32")
