#!/usr/bin/env bash
# Run the checks of tools/gpu_check.py on a machine that has a GPU and Python 3.12 with PyTorch, but no network.
#
#     bash tools/gpu_session.sh SECONDS FOLDER [CHECK...]
#
# tools/gpu_pack.sh has put what the machine lacks into .gpu/: wheels, a model file and media, and TensorRT-RTX in parts.
set -euo pipefail
cd "$(dirname "$0")/.."
export GPU_CHECK_SECONDS=$1 PYTHONUNBUFFERED=1
folder=$2
shift 2
site=${GPU_SITE:-/var/tmp/ssd_live-site}
if ls .gpu/wheels/*.whl >/dev/null 2>&1 && [ ! -e "$site/av" ]; then
    python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$site" .gpu/wheels/*.whl
fi
if ls .gpu/rtx.part-* >/dev/null 2>&1 && [ ! -e "$site/tensorrt_rtx" ]; then
    mkdir -p "$site"
    cat .gpu/rtx.part-* | tar -xJf - -C "$site"
fi
# Keep the assets beside the installed packages, because a second load has no room for them.
if [ -d .gpu/assets ]; then cp -r .gpu/assets "$site/"; fi
if [ -d "$site/assets" ]; then mkdir -p assets && cp -r "$site/assets/." assets/; fi
export PYTHONPATH="$PWD:$site"
exec python3 tools/gpu_check.py "$folder" "$@"
