/* The library itself and its devices: versions, the look-up of functions, the texts of errors, attributes. */
#define _GNU_SOURCE
#include "driver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define UUID_BYTES 16

/* Names that took other arguments from some version of CUDA on, newest first (cuda.h and cudaTypedefs.h). Elsewhere the newest symbol serves. */
static const struct { const char *name; int since; const char *symbol; } CHANGED[] = {
    {"cuCtxCreate", 12050, "cuCtxCreate_v4"},
    {"cuCtxCreate", 11040, "cuCtxCreate_v3"},
    {"cuCtxCreate", 3020, "cuCtxCreate_v2"},
    {"cuCtxGetDevice", 13000, "cuCtxGetDevice_v2"},
    {"cuCtxGetDevice", 2000, "cuCtxGetDevice"},
    {"cuCtxSynchronize", 13000, "cuCtxSynchronize_v2"},
    {"cuCtxSynchronize", 2000, "cuCtxSynchronize"},
    {"cuEventElapsedTime", 12080, "cuEventElapsedTime_v2"},
    {"cuEventElapsedTime", 2000, "cuEventElapsedTime"},
    {"cuGetProcAddress", 12000, "cuGetProcAddress_v2"},
    {"cuGetProcAddress", 11030, "cuGetProcAddress"},
    {"cuGraphInstantiate", 12000, "cuGraphInstantiateWithFlags"},
    {"cuGraphInstantiate", 11000, "cuGraphInstantiate_v2"},
    {"cuStreamGetCaptureInfo", 12030, "cuStreamGetCaptureInfo_v3"},
    {"cuStreamGetCaptureInfo", 11030, "cuStreamGetCaptureInfo_v2"},
    {"cuStreamGetCaptureInfo", 10010, "cuStreamGetCaptureInfo"},
};
#define CHANGES (sizeof CHANGED / sizeof CHANGED[0])
#define NEWEST_SUFFIX 4

static const struct { CUresult code; const char *name, *text; } ERRORS[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
#define ERROR(name, code, text) {code, "CUDA_ERROR_" #name, text},
#include "errors.h"
#undef ERROR
};

/* By the numbers of CUdevice_attribute (cuda.h): the limits of compute capability 8.9 (CUDA C++ Programming Guide) and the size of an RTX 4060 Ti.
 * What is not here is 0. */
static const struct { int attribute; int value; } ATTRIBUTE[] = {
    {1, 1024},                        /* MAX_THREADS_PER_BLOCK */
    {2, 1024}, {3, 1024}, {4, 64},    /* MAX_BLOCK_DIM_X, _Y, _Z */
    {5, 2147483647}, {6, 65535}, {7, 65535}, /* MAX_GRID_DIM_X, _Y, _Z */
    {8, 49152},                       /* MAX_SHARED_MEMORY_PER_BLOCK, bytes */
    {9, 65536},                       /* TOTAL_CONSTANT_MEMORY, bytes */
    {10, 32},                         /* WARP_SIZE */
    {11, 2147483647},                 /* MAX_PITCH, bytes */
    {12, 65536},                      /* MAX_REGISTERS_PER_BLOCK */
    {14, 512},                        /* TEXTURE_ALIGNMENT, bytes */
    {15, 1},                          /* GPU_OVERLAP */
    {16, 34},                         /* MULTIPROCESSOR_COUNT */
    {19, 1},                          /* CAN_MAP_HOST_MEMORY */
    {31, 1},                          /* CONCURRENT_KERNELS */
    {33, 1},                          /* PCI_BUS_ID */
    {37, 128},                        /* GLOBAL_MEMORY_BUS_WIDTH, bits */
    {38, 33554432},                   /* L2_CACHE_SIZE, bytes */
    {39, 1536},                       /* MAX_THREADS_PER_MULTIPROCESSOR */
    {40, 1},                          /* ASYNC_ENGINE_COUNT */
    {41, 1},                          /* UNIFIED_ADDRESSING */
    {78, 1},                          /* STREAM_PRIORITIES_SUPPORTED */
    {81, 102400},                     /* MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, bytes */
    {82, 65536},                      /* MAX_REGISTERS_PER_MULTIPROCESSOR */
    {97, 101376},                     /* MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, bytes */
};
enum { CAPABILITY_MAJOR = 75, CAPABILITY_MINOR = 76, LAST_ATTRIBUTE = 147 };

static void *this_library;

__attribute__((constructor)) static void open_this_library(void)
{
    Dl_info info;
    if (dladdr(&this_library, &info))
        this_library = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
}

static void *look_up(const char *name, int version)
{
    bool changed = false;
    if (version > settings()->version)
        version = settings()->version;
    for (size_t index = 0; index < CHANGES; index++) {
        if (strcmp(CHANGED[index].name, name))
            continue;
        changed = true;
        if (CHANGED[index].since <= version)
            return dlsym(this_library, CHANGED[index].symbol);
    }
    for (int suffix = NEWEST_SUFFIX; !changed && suffix > 1; suffix--) {
        char symbol[128];
        snprintf(symbol, sizeof symbol, "%s_v%d", name, suffix);
        void *function = dlsym(this_library, symbol);
        if (function)
            return function;
    }
    return changed ? NULL : dlsym(this_library, name);
}

/* Not in the log: the bindings look up hundreds of names before the first call of the program. */
API cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags, int *status)
{
    enum { FOUND = 0, SYMBOL_NOT_FOUND = 1 };
    (void)flags;
    if (!name || !function)
        return CUDA_ERROR_INVALID_VALUE;
    *function = strncmp(name, "cu", 2) ? NULL : look_up(name, version);
    if (status)
        *status = *function ? FOUND : SYMBOL_NOT_FOUND;
    return *function ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

API cuGetProcAddress(const char *name, void **function, int version, uint64_t flags)
{
    return cuGetProcAddress_v2(name, function, version, flags, NULL);
}

API cuGetErrorName(CUresult code, const char **name)
{
    for (size_t index = 0; name && index < sizeof ERRORS / sizeof ERRORS[0]; index++)
        if (ERRORS[index].code == code) {
            *name = ERRORS[index].name;
            return CUDA_SUCCESS;
        }
    return CUDA_ERROR_INVALID_VALUE;
}

API cuGetErrorString(CUresult code, const char **text)
{
    for (size_t index = 0; text && index < sizeof ERRORS / sizeof ERRORS[0]; index++)
        if (ERRORS[index].code == code) {
            *text = ERRORS[index].text;
            return CUDA_SUCCESS;
        }
    return CUDA_ERROR_INVALID_VALUE;
}

static CUresult init(unsigned flags)
{
    if (flags)
        return CUDA_ERROR_INVALID_VALUE;
    if (!settings()->devices)
        return CUDA_ERROR_NO_DEVICE;
    initialise();
    return CUDA_SUCCESS;
}

API cuInit(unsigned flags)
{
    CALL(DRIVER, init(flags), " %u", flags);
}

static CUresult give(int *place, int value)
{
    if (!place)
        return CUDA_ERROR_INVALID_VALUE;
    *place = value;
    outcome(" %d", value);
    return CUDA_SUCCESS;
}

API cuDriverGetVersion(int *version)
{
    CALL(NOTHING, give(version, settings()->version));
}

API cuDeviceGetCount(int *count)
{
    CALL(READY, give(count, settings()->devices));
}

API cuDeviceGet(CUdevice *device, int ordinal)
{
    CALL(READY, check_device(ordinal) ? CUDA_ERROR_INVALID_DEVICE : give(device, ordinal), " %d", ordinal);
}

static CUresult copy_text(char *place, int room, const char *text)
{
    if (!place || room < 1)
        return CUDA_ERROR_INVALID_VALUE;
    snprintf(place, (size_t)room, "%s", text);
    outcome(" %s", text);
    return CUDA_SUCCESS;
}

API cuDeviceGetName(char *name, int room, CUdevice device)
{
    CALL(READY, check_device(device) ? CUDA_ERROR_INVALID_DEVICE : copy_text(name, room, settings()->name), " %d", device);
}

static CUresult bus_id(char *text, int room, CUdevice device)
{
    char id[] = "0000:00:00.0";
    if (check_device(device))
        return CUDA_ERROR_INVALID_DEVICE;
    snprintf(id, sizeof id, "0000:%02x:00.0", (device + 1) & 0xff);
    return copy_text(text, room, id);
}

API cuDeviceGetPCIBusId(char *text, int room, CUdevice device)
{
    CALL(READY, bus_id(text, room, device), " %d", device);
}

static CUresult uuid(unsigned char *bytes, CUdevice device)
{
    if (check_device(device))
        return CUDA_ERROR_INVALID_DEVICE;
    if (!bytes)
        return CUDA_ERROR_INVALID_VALUE;
    memset(bytes, 0xfa, UUID_BYTES);
    bytes[UUID_BYTES - 1] = (unsigned char)device;
    return CUDA_SUCCESS;
}

API cuDeviceGetUuid_v2(unsigned char *bytes, CUdevice device)
{
    CALL(READY, uuid(bytes, device), " %d", device);
}

static CUresult total_memory(size_t *bytes, CUdevice device)
{
    if (check_device(device))
        return CUDA_ERROR_INVALID_DEVICE;
    if (!bytes)
        return CUDA_ERROR_INVALID_VALUE;
    *bytes = TOTAL_BYTES;
    outcome(" %zu", TOTAL_BYTES);
    return CUDA_SUCCESS;
}

API cuDeviceTotalMem_v2(size_t *bytes, CUdevice device)
{
    CALL(READY, total_memory(bytes, device), " %d", device);
}

static CUresult attribute_of(int *value, int attribute, CUdevice device)
{
    if (check_device(device))
        return CUDA_ERROR_INVALID_DEVICE;
    if (attribute < 1 || attribute > LAST_ATTRIBUTE)
        return misuse(CUDA_ERROR_INVALID_VALUE, "there is no attribute %d", attribute);
    if (attribute == CAPABILITY_MAJOR || attribute == CAPABILITY_MINOR)
        return give(value, settings()->capability[attribute - CAPABILITY_MAJOR]);
    for (size_t index = 0; index < sizeof ATTRIBUTE / sizeof ATTRIBUTE[0]; index++)
        if (ATTRIBUTE[index].attribute == attribute)
            return give(value, ATTRIBUTE[index].value);
    return give(value, 0);
}

API cuDeviceGetAttribute(int *value, int attribute, CUdevice device)
{
    CALL(READY, attribute_of(value, attribute, device), " %d %d", attribute, device);
}

static CUresult capability_of(int *major, int *minor, CUdevice device)
{
    CUresult result = attribute_of(major, CAPABILITY_MAJOR, device);
    return result ? result : attribute_of(minor, CAPABILITY_MINOR, device);
}

API cuDeviceComputeCapability(int *major, int *minor, CUdevice device)
{
    CALL(READY, capability_of(major, minor, device), " %d", device);
}
