#!/bin/sh
# Build PyCUDA against the fake CUDA driver of the tests and try it, on a machine without a GPU.
# PyCUDA must be built because it is published as source only.
#
#     tools/pycuda_on_fake_driver.sh [FOLDER]        (default: a new temporary folder)
#
# FOLDER gets the driver and a Python environment with PyCUDA. Nothing in the repository changes.
# This needs the headers of CUDA in $CUDA_HOME, a C compiler and a C++ compiler.
set -eu
CUDA_HOME=${CUDA_HOME:-/usr/local/cuda}
PYCUDA=2026.1
export PYTHONDONTWRITEBYTECODE=1

[ -f "$CUDA_HOME/include/cuda.h" ] || { echo "error: no cuda.h in $CUDA_HOME/include; set CUDA_HOME to the CUDA toolkit" >&2; exit 1; }
set -- "${1:-$(mktemp -d)}"
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

python=$folder/venv/bin/python
"${PYTHON:-python3}" -c 'import sys; from pathlib import Path; from tests.fake_driver import build; build(Path(sys.argv[1]))' "$folder/driver"
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
"$python" -m pip install --quiet --disable-pip-version-check setuptools wheel numpy mako platformdirs pytools
# Build only PyCUDA from source: ":all:" would also build its build tools, which takes minutes.
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary pycuda --no-build-isolation "pycuda==$PYCUDA"
tar xzf "pycuda-$PYCUDA.tar.gz"
cd "pycuda-$PYCUDA"
"$python" configure.py --no-cuda-enable-curand --cuda-root="$CUDA_HOME" --cudadrv-lib-dir="$folder/driver"
"$python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps .

cd "$folder"
rm -f calls.log
LD_LIBRARY_PATH=$folder/driver FAKE_CUDA_LOG=$folder/calls.log "$python" - <<'END'
import numpy as np
import pycuda.driver as cuda

cuda.init()
device = cuda.Device(0)
context = device.retain_primary_context()
context.push()
stream, start, end = cuda.Stream(), cuda.Event(), cuda.Event()
there, back = cuda.pagelocked_empty(1000, np.float32), cuda.pagelocked_zeros(1000, np.float32)
there[:] = np.arange(1000)
memory = cuda.mem_alloc(there.nbytes)
start.record(stream)
cuda.memcpy_htod_async(memory, there, stream)
cuda.memcpy_dtoh_async(back, memory, stream)
end.record(stream)
stream.synchronize()
assert (back == there).all()
print(f"PyCUDA on {device.name()}, capability {device.compute_capability()}: copied in {end.time_since(start):.3f} ms")
del there, back, stream, start, end
memory.free()
context.pop()
context.detach()
END
cat calls.log
echo "kept: LD_LIBRARY_PATH=$folder/driver $python"
