#!/usr/bin/env bash
# Collect in .gpu/ what tools/gpu_check.py needs on a machine that has a GPU but no network.
# The first load has wheels, a model file and media. The second load has TensorRT-RTX in parts of 16 MiB.
#
#     bash tools/gpu_pack.sh            then, on that machine: bash tools/gpu_session.sh SECONDS FOLDER [CHECK...]
#
# Each load is at most 64 MiB. This takes about five minutes, nearly all of it to compress TensorRT-RTX.
set -euo pipefail
cd "$(dirname "$0")/.."
limit=$((64 << 20))
python_version=3.12
version() { sed -n "s/^$1==//Ip" requirements.txt requirements-dev.txt | head -n 1; }
fetch() {
    folder=$1
    shift
    python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --python-version "$python_version" --implementation cp \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 -d "$folder" "$@"
}
mkdir -p .gpu/assets/models .gpu/assets/media
rm -rf .gpu/wheels .gpu/rtx.part-*
needed=()
for name in av pydantic pydantic_core annotated-types typing-inspection platformdirs imagesize mss cv2_enumerate_cameras pytest-timeout; do
    needed+=("$name==$(version "$name")")
done
fetch .gpu/wheels "${needed[@]}"
cp assets/models/ssd300-mobilenetv2-oid.onnx .gpu/assets/models/
cp assets/media/* .gpu/assets/media/

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rtx=$(version tensorrt_rtx_cu13_libs)
fetch "$work/wheels" "tensorrt-rtx-cu13-libs==$rtx" "tensorrt-rtx-cu13-bindings==$rtx"
mkdir -p "$work/site/tensorrt_rtx"
for wheel in "$work"/wheels/*.whl; do (cd "$work/site" && python3 -m zipfile -e "$wheel" .); done
# This stands in for the package tensorrt_rtx, which does the same but gets the libraries by pip.
printf 'from tensorrt_rtx_bindings import *\nfrom tensorrt_rtx_bindings import __version__\n' >"$work/site/tensorrt_rtx/__init__.py"
tar -C "$work/site" -cf - . | xz --x86 --lzma2=preset=6,dict=64MiB -T2 | split -b 16M - .gpu/rtx.part-

code=$(git ls-files -z ssd_live tools main.py pyproject.toml README.md LICENSE NOTICE | xargs -0 du -cb | tail -n 1 | cut -f 1)
for load in ".gpu/wheels .gpu/assets" ".gpu/rtx.part-*"; do
    # shellcheck disable=SC2086
    size=$(($(du -cb $load | tail -n 1 | cut -f 1) + code))
    echo "$load with the code: $((size >> 20)) MiB"
    if [ "$size" -gt "$limit" ]; then echo "error: over $((limit >> 20)) MiB; leave out a wheel or a model" >&2 && exit 1; fi
done
