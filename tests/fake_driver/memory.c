/* Memory of the devices and pinned memory of the host. */
#define _GNU_SOURCE
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Addresses are never given out twice, so that those of freed memory are known; no test comes near the end of this space. */
#define ADDRESS_SPACE ((size_t)4 << 40)
/* A multiple of the pages of every processor that Linux runs on. */
#define PAGE ((size_t)1 << 16)
/* Fresh memory of a GPU holds what somebody left there. */
#define LEFTOVER 0xcd

static struct region { char *start; size_t used; } device_region, host_region;

struct memory {
    struct object object;
    CUdeviceptr address;
    size_t bytes;
    unsigned flags;
    unsigned char *content;
};

static size_t whole_pages(size_t bytes)
{
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

/* Addresses that crash whoever touches them; a spare page keeps neighbours apart. */
static char *reserve(struct region *region, size_t bytes)
{
    if (!region->start) {
        void *start = mmap(NULL, ADDRESS_SPACE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (start == MAP_FAILED)
            return NULL;
        region->start = start;
    }
    size_t taken = whole_pages(bytes) + PAGE;
    if (taken > ADDRESS_SPACE - region->used)
        return NULL;
    region->used += taken;
    return region->start + region->used - taken;
}

static size_t used_bytes(CUdevice device)
{
    size_t bytes = 0;
    for (const struct object *object = first_alive(MEMORY); object; object = object->next)
        if (object->context->device == device)
            bytes += ((const struct memory *)object)->bytes;
    return bytes;
}

static struct memory *owner_among(struct object *object, CUdeviceptr address)
{
    for (; object; object = object->next) {
        struct memory *memory = (struct memory *)object;
        /* The address after the last byte counts, for the message. */
        if (address >= memory->address && address - memory->address <= memory->bytes)
            return memory;
    }
    return NULL;
}

static bool inside(const struct region *region, CUdeviceptr address)
{
    return region->start && address >= (uintptr_t)region->start && address - (uintptr_t)region->start < region->used;
}

/* The allocation, alive or dead, that an address is of; NULL for the memory that the program got elsewhere. */
static struct memory *owner(CUdeviceptr address)
{
    struct memory *memory = NULL;
    if (!inside(&device_region, address) && !inside(&host_region, address))
        return NULL;
    for (enum kind kind = MEMORY; kind <= PINNED && !memory; kind++)
        memory = owner_among(first_alive(kind), address);
    for (enum kind kind = MEMORY; kind <= PINNED && !memory; kind++)
        memory = owner_among(first_dead(kind), address);
    return memory;
}

static const char *spell_address(CUdeviceptr address, enum side side)
{
    const struct memory *memory = owner(address);
    if (!memory)
        return !address ? "null" : side == ON_HOST ? "pageable" : "?";
    char *text = spelling();
    const char *name = spell_object(&memory->object);
    if (address == memory->address)
        return name;
    snprintf(text, SPELLING_BYTES, "%s+%llu", name, address - memory->address);
    return text;
}

/* Where the CPU finds `bytes` at an address. */
static CUresult locate(CUdeviceptr address, size_t bytes, enum side side, void **place)
{
    const struct memory *memory = owner(address);
    if (!memory && address && side == ON_HOST) {
        *place = (void *)(uintptr_t)address;
        return CUDA_SUCCESS;
    }
    if (!memory)
        return misuse(CUDA_ERROR_INVALID_VALUE, "no memory of the device");
    const char *name = spell_object(&memory->object);
    if (!memory->object.alive)
        return misuse(CUDA_ERROR_INVALID_VALUE, "%s was freed", name);
    if (side == ON_HOST && memory->object.kind == MEMORY)
        return misuse(CUDA_ERROR_INVALID_VALUE, "%s is memory of the device, not of the host", name);
    size_t offset = (size_t)(address - memory->address);
    if (bytes > memory->bytes - offset)
        return misuse(CUDA_ERROR_INVALID_VALUE, "%zu bytes from %zu on are more than the %zu of %s", bytes, offset, memory->bytes, name);
    *place = memory->content + offset;
    return CUDA_SUCCESS;
}

static CUresult locate_both(const struct operation *operation, void **to, void **from)
{
    CUresult result = CUDA_SUCCESS;
    if (operation->what != HOST_FUNCTION)
        result = locate(operation->to.address, operation->bytes, operation->to.side, to);
    if (!result && operation->what == COPY)
        result = locate(operation->from.address, operation->bytes, operation->from.side, from);
    return result;
}

CUresult check(const struct operation *operation)
{
    void *to, *from;
    return locate_both(operation, &to, &from);
}

CUresult perform(const struct operation *operation)
{
    void *to = NULL, *from = NULL;
    CUresult result = locate_both(operation, &to, &from);
    if (result)
        return result;
    switch (operation->what) {
    case COPY:
        memmove(to, from, operation->bytes);
        break;
    case FILL:
        for (size_t offset = 0; offset < operation->bytes; offset += operation->value_bytes)
            memcpy((char *)to + offset, &operation->value, operation->value_bytes);
        break;
    case HOST_FUNCTION:
        call_back(operation->function, operation->data);
        break;
    }
    return CUDA_SUCCESS;
}

static void release_device_memory(struct object *object)
{
    free(((struct memory *)object)->content);
}

static CUresult allocate(CUdeviceptr *out, size_t bytes)
{
    if (!out || !bytes)
        return CUDA_ERROR_INVALID_VALUE;
    if (bytes > TOTAL_BYTES - used_bytes(current()->device))
        return CUDA_ERROR_OUT_OF_MEMORY;
    char *address = reserve(&device_region, bytes);
    unsigned char *content = address ? malloc(bytes) : NULL;
    if (!content)
        return CUDA_ERROR_OUT_OF_MEMORY;
    memset(content, LEFTOVER, bytes);
    struct memory *memory = create(MEMORY, sizeof *memory, current(), release_device_memory);
    memory->address = *out = (uintptr_t)address;
    memory->bytes = bytes;
    memory->content = content;
    return CUDA_SUCCESS;
}

API cuMemAlloc_v2(CUdeviceptr *out, size_t bytes)
{
    CALL(UNSAFE, allocate(out, bytes), " %zu", bytes);
}

static CUresult release(CUdeviceptr address, enum kind kind)
{
    struct memory *memory = owner(address);
    if (!memory || memory->object.kind != kind || memory->address != address)
        return misuse(CUDA_ERROR_INVALID_VALUE, "not the address of an allocation of this kind");
    if (!memory->object.alive)
        return misuse(CUDA_ERROR_INVALID_VALUE, "%s was freed already", spell_object(&memory->object));
    bury(&memory->object);
    return CUDA_SUCCESS;
}

API cuMemFree_v2(CUdeviceptr address)
{
    CALL(UNSAFE, release(address, MEMORY), " %s", spell_address(address, ON_DEVICE));
}

static CUresult information(size_t *available, size_t *total)
{
    if (!available || !total)
        return CUDA_ERROR_INVALID_VALUE;
    *total = TOTAL_BYTES;
    *available = TOTAL_BYTES - used_bytes(current()->device);
    outcome(" %zu %zu", *available, *total);
    return CUDA_SUCCESS;
}

API cuMemGetInfo_v2(size_t *available, size_t *total)
{
    CALL(CONTEXT, information(available, total));
}

static CUresult range_of(CUdeviceptr *start, size_t *bytes, CUdeviceptr address)
{
    void *place;
    CUresult result = locate(address, 1, ON_DEVICE, &place);
    if (result)
        return result;
    const struct memory *memory = owner(address);
    if (start)
        *start = memory->address;
    if (bytes)
        *bytes = memory->bytes;
    return CUDA_SUCCESS;
}

API cuMemGetAddressRange_v2(CUdeviceptr *start, size_t *bytes, CUdeviceptr address)
{
    CALL(CONTEXT, range_of(start, bytes, address), " %s", spell_address(address, ON_DEVICE));
}

/* For a test's own network: where the CPU finds memory of the device, whose own addresses crash it. NULL where it is not all there. */
__attribute__((visibility("default"))) void *fake_cuda_memory(CUdeviceptr address, size_t bytes)
{
    void *place = NULL;
    enter(__func__);
    arguments(" %s %zu", spell_address(address, ON_DEVICE), bytes);
    CUresult result = locate(address, bytes, ON_DEVICE, &place);
    leave(result);
    return result ? NULL : place;
}

static void release_pinned_memory(struct object *object)
{
    const struct memory *memory = (struct memory *)object;
    mmap(memory->content, whole_pages(memory->bytes), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

static CUresult allocate_pinned(void **out, size_t bytes, unsigned flags)
{
    if (!out || !bytes)
        return CUDA_ERROR_INVALID_VALUE;
    char *address = reserve(&host_region, bytes);
    if (!address || mprotect(address, whole_pages(bytes), PROT_READ | PROT_WRITE))
        return CUDA_ERROR_OUT_OF_MEMORY;
    struct memory *memory = create(PINNED, sizeof *memory, current(), release_pinned_memory);
    *out = memory->content = (unsigned char *)address;
    memory->address = (uintptr_t)address;
    memory->bytes = bytes;
    memory->flags = flags;
    return CUDA_SUCCESS;
}

API cuMemHostAlloc(void **out, size_t bytes, unsigned flags)
{
    CALL(UNSAFE, allocate_pinned(out, bytes, flags), " %zu %u", bytes, flags);
}

API cuMemAllocHost_v2(void **out, size_t bytes)
{
    CALL(UNSAFE, allocate_pinned(out, bytes, 0), " %zu", bytes);
}

API cuMemFreeHost(void *address)
{
    CALL(UNSAFE, release((uintptr_t)address, PINNED), " %s", spell_address((uintptr_t)address, ON_HOST));
}

static CUresult pinned(void *address, struct memory **memory)
{
    *memory = owner((uintptr_t)address);
    if (!*memory || (*memory)->object.kind != PINNED)
        return misuse(CUDA_ERROR_INVALID_VALUE, "no pinned memory");
    if (!(*memory)->object.alive)
        return misuse(CUDA_ERROR_INVALID_VALUE, "%s was freed", spell_object(&(*memory)->object));
    return CUDA_SUCCESS;
}

static CUresult device_address(CUdeviceptr *out, void *address, unsigned flags)
{
    struct memory *memory;
    if (!out || flags)
        return CUDA_ERROR_INVALID_VALUE;
    if (pinned(address, &memory))
        return CUDA_ERROR_INVALID_VALUE;
    /* One address serves both sides where there is unified addressing. */
    *out = (uintptr_t)address;
    return CUDA_SUCCESS;
}

API cuMemHostGetDevicePointer_v2(CUdeviceptr *out, void *address, unsigned flags)
{
    CALL(CONTEXT, device_address(out, address, flags), " %s %u", spell_address((uintptr_t)address, ON_HOST), flags);
}

static CUresult pinned_flags(unsigned *flags, void *address)
{
    struct memory *memory;
    if (!flags || pinned(address, &memory))
        return CUDA_ERROR_INVALID_VALUE;
    *flags = memory->flags;
    return CUDA_SUCCESS;
}

API cuMemHostGetFlags(unsigned *flags, void *address)
{
    CALL(CONTEXT, pinned_flags(flags, address), " %s", spell_address((uintptr_t)address, ON_HOST));
}

static CUresult copy(const void *stream, CUdeviceptr to, enum side to_side, CUdeviceptr from, enum side from_side, size_t bytes)
{
    return submit(stream, (struct operation){.what = COPY, .to = {to, to_side}, .from = {from, from_side}, .bytes = bytes});
}

static CUresult fill(const void *stream, CUdeviceptr to, unsigned value, size_t value_bytes, size_t count)
{
    if (to % value_bytes)
        return misuse(CUDA_ERROR_INVALID_VALUE, "the address is no multiple of %zu", value_bytes);
    size_t bytes = count > SIZE_MAX / value_bytes ? SIZE_MAX : count * value_bytes;
    return submit(stream, (struct operation){.what = FILL, .to = {to, ON_DEVICE}, .bytes = bytes, .value = value, .value_bytes = value_bytes});
}

/* The names and arguments of cuda.h; a copy of the default stream is over when the call returns, so it is refused in captures as allocations are. */
#define COPIES(name, to_type, to_side, from_type, from_side)                                                                         \
    API name##_v2(to_type to, from_type from, size_t bytes)                                                                          \
    {                                                                                                                                \
        CUdeviceptr target = (CUdeviceptr)to, source = (CUdeviceptr)from;                                                            \
        CALL(UNSAFE, copy(NULL, target, to_side, source, from_side, bytes), " %s %s %zu", spell_address(target, to_side),            \
             spell_address(source, from_side), bytes);                                                                               \
    }                                                                                                                                \
    API name##Async_v2(to_type to, from_type from, size_t bytes, void *stream)                                                       \
    {                                                                                                                                \
        CUdeviceptr target = (CUdeviceptr)to, source = (CUdeviceptr)from;                                                            \
        CALL(CONTEXT, copy(stream, target, to_side, source, from_side, bytes), " %s %s %zu %s", spell_address(target, to_side),      \
             spell_address(source, from_side), bytes, spell(STREAM, stream));                                                        \
    }

#define FILLS(name, type)                                                                                                            \
    API name##_v2(CUdeviceptr to, type value, size_t count)                                                                          \
    {                                                                                                                                \
        CALL(UNSAFE, fill(NULL, to, value, sizeof value, count), " %s %u %zu", spell_address(to, ON_DEVICE), (unsigned)value, count); \
    }                                                                                                                                \
    API name##Async(CUdeviceptr to, type value, size_t count, void *stream)                                                          \
    {                                                                                                                                \
        CALL(CONTEXT, fill(stream, to, value, sizeof value, count), " %s %u %zu %s", spell_address(to, ON_DEVICE), (unsigned)value,  \
             count, spell(STREAM, stream));                                                                                          \
    }

COPIES(cuMemcpyHtoD, CUdeviceptr, ON_DEVICE, const void *, ON_HOST)
COPIES(cuMemcpyDtoH, void *, ON_HOST, CUdeviceptr, ON_DEVICE)
COPIES(cuMemcpyDtoD, CUdeviceptr, ON_DEVICE, CUdeviceptr, ON_DEVICE)
FILLS(cuMemsetD8, unsigned char)
FILLS(cuMemsetD16, unsigned short)
FILLS(cuMemsetD32, unsigned)
