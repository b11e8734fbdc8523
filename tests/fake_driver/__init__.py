"""A CUDA driver on the CPU, for the real Python bindings on a machine without a GPU. Linux only; C
sources in this folder.

A library of its name can be loaded once a process: start a child with LD_LIBRARY_PATH set to the
folder it was built in. What is copied and filled is copied and filled when the call returns; in a
capture it is recorded and done at every launch of its graph. There are no kernels: a test's own
network is a host function of a stream (cuLaunchHostFunc), and `void *fake_cuda_memory(CUdeviceptr,
size_t)` tells it where the CPU finds memory of the device. The addresses of the device crash a CPU
that touches them, and so does pinned memory that was freed.

The environment, read when the library is loaded:

FAKE_CUDA_VERSION     what cuDriverGetVersion gives; 13000 FAKE_CUDA_DEVICES     how many there are;
1 FAKE_CUDA_CAPABILITY  of each of them; 8.9 FAKE_CUDA_NAME        of each of them; Fake GPU
FAKE_CUDA_FAIL        cuMemAlloc_v2:3=2,cuGraphLaunch:1=719 lets the third cuMemAlloc_v2 and the
first cuGraphLaunch do nothing and give these results FAKE_CUDA_LOST_AFTER  after so many calls of
cuStreamSynchronize, cuEventSynchronize and cuGraphLaunch every call gives 999, as of a lost GPU
FAKE_CUDA_LOG         a file to append to, a line a call:

t1 cuMemAlloc_v2 64 -> 0 m1              thread, function, arguments, result and what came out; c,
m, h, s, e, g and x are contexts, memory,
                                         pinned memory, streams, events, graphs and executable
                                         graphs, numbered from 1 and never anew
t1 cuMemcpyHtoDAsync_v2 m1+8 h1 8 s1 -> 0 captured
t2 ! cuMemFree_v2: m1 was freed already  the call that follows is a mistake of the program
t1 # cuDevicePrimaryCtxRelease_v2: c1 takes m2 with it
t1 exit -> c1 s1                         the last line: what the process left behind

Looking up functions and the texts of errors is not in the log.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

_SONAME = "libcuda.so.1"
_FLAGS = (
    "-std=gnu11",
    "-O1",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-Wno-format-zero-length",
    "-pthread",
)


def build(folder: Path) -> Path:
    """Compile the driver into a folder, which is made where it is missing; gives libcuda.so.1, with
    the linker's libcuda.so beside it.

    Raises unittest.SkipTest, which skips a test that pytest runs, where there is no C compiler or
    no Linux.
    """
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        raise SkipTest("the fake CUDA driver needs Linux and a C compiler named cc")
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / _SONAME
    sources = sorted(Path(__file__).parent.glob("*.c"))
    subprocess.run(
        [compiler, *_FLAGS, f"-Wl,-soname,{_SONAME}", "-o", library, *sources, "-ldl"], check=True
    )
    link = folder / "libcuda.so"
    link.unlink(missing_ok=True)
    link.symlink_to(_SONAME)
    return library
