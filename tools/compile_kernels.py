"""Compile the CUDA kernels of `ssd_live/backends/tensorrt/kernels` to PTX, which ships so that no
compiler is needed at run time.

    pip install --target FOLDER nvidia-cuda-nvrtc-cu12==12.1.105
    python tools/compile_kernels.py FOLDER

The old compiler is deliberate: a driver reads the PTX of compilers up to its own age, and that of
12.1 is read by drivers from 530 on.
"""

import ctypes
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ssd_live.backends.tensorrt.kernels import PTX_PATH, SOURCES, source_digest

# Turing is the oldest generation that TensorRT-RTX knows. Without contraction a product and a sum
# are rounded as in NumPy.
OPTIONS = ("--gpu-architecture=compute_75", "--fmad=false", "--std=c++17")


def main() -> None:
    """Write the PTX file; end with the compiler's words where it refuses."""
    library = ctypes.CDLL(str(next(Path(sys.argv[1]).rglob("libnvrtc.so.12"))))
    main_source = "".join(
        f'#include "{path.name}"\n' for path in SOURCES if path.suffix == ".cu"
    ).encode()
    contents = [path.read_bytes() for path in SOURCES]
    texts = (ctypes.c_char_p * len(SOURCES))(*contents)
    names = (ctypes.c_char_p * len(SOURCES))(*(path.name.encode() for path in SOURCES))
    options = (ctypes.c_char_p * len(OPTIONS))(*(option.encode() for option in OPTIONS))
    program = ctypes.c_void_p()
    if library.nvrtcCreateProgram(
        ctypes.byref(program), main_source, b"kernels.cu", len(SOURCES), texts, names
    ):
        sys.exit("error: NVRTC does not start")
    refused = library.nvrtcCompileProgram(program, len(OPTIONS), options)
    if refused:
        sys.exit(_text(library.nvrtcGetProgramLogSize, library.nvrtcGetProgramLog, program))
    ptx = _text(library.nvrtcGetPTXSize, library.nvrtcGetPTX, program)
    PTX_PATH.write_text(f"// sources: {source_digest()}\n{ptx.strip()}\n", encoding="ascii")
    print(f"written: {PTX_PATH.name}, {PTX_PATH.stat().st_size / 1024:.1f} KiB")


def _text(size_of: Any, read: Any, program: ctypes.c_void_p) -> str:
    size = ctypes.c_size_t()
    size_of(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    read(program, buffer)
    return buffer.value.decode()


if __name__ == "__main__":
    main()
