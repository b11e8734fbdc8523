#!/bin/sh
# Run all checks that need a GPU. Print a table, and write gpu_check.json and a log of each check to FOLDER.
#
#     sh tools/gpu_check.sh [FOLDER]        (default: output/gpu_check)
#
# This needs Python 3.11 or newer and an NVIDIA driver. It makes a virtual environment that sees the packages that are
# installed already (for example PyTorch with CUDA) and installs what is missing. Packages come from the package index,
# or from the folder of wheels that the variable WHEELS names.
# TensorRT-RTX and pycuda are installed if they are available. A check that cannot run is reported as not run.
set -eu
checkout=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-"$checkout/output/gpu_check"}
mkdir -p "$out"
environment="$out/venv"
[ -x "$environment/bin/python" ] || "${PYTHON:-python3}" -m venv --system-site-packages "$environment"
if [ -n "${WHEELS:-}" ]; then from="--no-index --find-links $WHEELS"; else from=""; fi
add() {
    # shellcheck disable=SC2086
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check $from "$@" >>"$out/install.log" 2>&1 || echo "not installed: $* (see $out/install.log)"
}
for package in numpy onnx onnxruntime openvino av opencv-python-headless pydantic psutil platformdirs rich typer \
    cuda-bindings tensorrt-rtx pytest pytest-timeout; do
    "$environment/bin/python" -m pip show --quiet "$package" >/dev/null 2>&1 || add "$package"
done
"$environment/bin/python" -c "import cv2" 2>/dev/null || add opencv-python-headless
"$environment/bin/python" -c "import pycuda.driver" 2>/dev/null || add pycuda
PYTHONPATH="$checkout${PYTHONPATH:+:$PYTHONPATH}" exec "$environment/bin/python" "$checkout/tools/gpu_check.py" "$out"
