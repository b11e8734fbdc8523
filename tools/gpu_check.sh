#!/bin/sh
# Everything that only a GPU can show, in one go: prints a table and writes gpu_check.json and a log of each check.
#
#     sh tools/gpu_check.sh [FOLDER]        (default: output/gpu_check)
#
# Needs Python 3.11 or newer and an NVIDIA driver. It makes a virtual environment that sees what is installed already (PyTorch with CUDA, say)
# and adds what is missing, from the package index or, where there is none, from a folder of wheels named in WHEELS.
# TensorRT-RTX and pycuda are added if they can be had; what cannot be run is said to be not run.
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
