/* Contexts: the primary one of each device, others, and the stack of every thread. */
#include "driver.h"

#define MOST_DEVICES 16
#define STACK_DEPTH 64
#define LEAST_PRIORITY 0
#define GREATEST_PRIORITY (-5)
#define API_VERSION 3020

/* A primary context keeps its handle when it is released and retained anew. */
static struct { struct context *context; unsigned flags; } primaries[MOST_DEVICES];
static _Thread_local struct context *stack[STACK_DEPTH];
static _Thread_local int depth;

struct context *current(void)
{
    return depth ? stack[depth - 1] : NULL;
}

CUresult check_device(CUdevice device)
{
    if (device >= 0 && device < settings()->devices && device < MOST_DEVICES)
        return CUDA_SUCCESS;
    return misuse(CUDA_ERROR_INVALID_DEVICE, "there is no device %d", device);
}

static CUresult push(struct context *context)
{
    if (depth == STACK_DEPTH)
        return misuse(CUDA_ERROR_OUT_OF_MEMORY, "%d contexts are on the stack", depth);
    stack[depth++] = context;
    return CUDA_SUCCESS;
}

static void release_all(struct object *object)
{
    for (enum kind kind = MEMORY; kind < KINDS; kind++)
        for (struct object *next, *own = first_alive(kind); own; own = next) {
            next = own->next;
            if (own->context != (struct context *)object)
                continue;
            remark("%s takes %s with it", spell_object(object), spell_object(own));
            bury(own);
        }
}

static struct context *create_context(CUdevice device, unsigned flags)
{
    struct context *context = create(A_CONTEXT, sizeof *context, NULL, release_all);
    context->device = device;
    context->flags = flags;
    context->references = 1;
    return context;
}

static CUresult retain(struct context **out, CUdevice device)
{
    if (check_device(device))
        return CUDA_ERROR_INVALID_DEVICE;
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    struct context *context = primaries[device].context;
    if (!context) {
        context = primaries[device].context = create_context(device, 0);
        context->primary = true;
    } else {
        outcome(" %s", spell_object(&context->object));
        context->references++;
        if (!context->object.alive)
            revive(&context->object);
    }
    *out = context;
    return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxRetain(struct context **out, CUdevice device)
{
    CALL(READY, retain(out, device), " %d", device);
}

static CUresult release(CUdevice device)
{
    if (check_device(device))
        return CUDA_ERROR_INVALID_DEVICE;
    struct context *context = primaries[device].context;
    if (!context || !context->references)
        return misuse(CUDA_ERROR_INVALID_CONTEXT, "the primary context of device %d is not retained", device);
    if (!--context->references && context->object.alive)
        bury(&context->object);
    return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
    CALL(READY, release(device), " %d", device);
}

static CUresult reset(CUdevice device)
{
    if (check_device(device))
        return CUDA_ERROR_INVALID_DEVICE;
    if (primaries[device].context && primaries[device].context->object.alive)
        bury(&primaries[device].context->object);
    return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxReset_v2(CUdevice device)
{
    CALL(READY, reset(device), " %d", device);
}

static CUresult state(CUdevice device, unsigned *flags, int *active)
{
    if (check_device(device))
        return CUDA_ERROR_INVALID_DEVICE;
    if (!flags || !active)
        return CUDA_ERROR_INVALID_VALUE;
    *flags = primaries[device].flags;
    *active = primaries[device].context && primaries[device].context->object.alive;
    outcome(" %u %d", *flags, *active);
    return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active)
{
    CALL(READY, state(device, flags, active), " %d", device);
}

static CUresult set_flags(CUdevice device, unsigned flags)
{
    if (check_device(device))
        return CUDA_ERROR_INVALID_DEVICE;
    primaries[device].flags = flags;
    return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags)
{
    CALL(READY, set_flags(device, flags), " %d %u", device, flags);
}

static CUresult create_current(struct context **out, unsigned flags, CUdevice device)
{
    if (check_device(device))
        return CUDA_ERROR_INVALID_DEVICE;
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    *out = create_context(device, flags);
    return push(*out);
}

API cuCtxCreate_v2(struct context **out, unsigned flags, CUdevice device)
{
    CALL(READY, create_current(out, flags, device), " %u %d", flags, device);
}

API cuCtxCreate_v3(struct context **out, const void *affinities, int count, unsigned flags, CUdevice device)
{
    CALL(READY, affinities || count ? CUDA_ERROR_NOT_SUPPORTED : create_current(out, flags, device), " %u %d", flags, device);
}

API cuCtxCreate_v4(struct context **out, const void *parameters, unsigned flags, CUdevice device)
{
    CALL(READY, parameters ? CUDA_ERROR_NOT_SUPPORTED : create_current(out, flags, device), " %u %d", flags, device);
}

static CUresult destroy(struct context *handle)
{
    struct context *context = find(A_CONTEXT, handle);
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (context->primary)
        return misuse(CUDA_ERROR_INVALID_CONTEXT, "%s is the primary context of a device", spell_object(&context->object));
    if (current() == context)
        depth--;
    bury(&context->object);
    return CUDA_SUCCESS;
}

API cuCtxDestroy_v2(struct context *context)
{
    CALL(READY, destroy(context), " %s", spell(A_CONTEXT, context));
}

/* Deprecated, and how PyCUDA ends the contexts that it made. */
static CUresult detach(struct context *handle)
{
    struct context *context = find(A_CONTEXT, handle);
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    return --context->references ? CUDA_SUCCESS : destroy(context);
}

API cuCtxDetach(struct context *context)
{
    CALL(READY, detach(context), " %s", spell(A_CONTEXT, context));
}

static CUresult attach(struct context **out, unsigned flags)
{
    if (!out || flags)
        return CUDA_ERROR_INVALID_VALUE;
    *out = current();
    (*out)->references++;
    return CUDA_SUCCESS;
}

API cuCtxAttach(struct context **out, unsigned flags)
{
    CALL(CONTEXT, attach(out, flags), " %u", flags);
}

static CUresult push_found(struct context *handle)
{
    struct context *context = find(A_CONTEXT, handle);
    return context ? push(context) : CUDA_ERROR_INVALID_CONTEXT;
}

API cuCtxPushCurrent_v2(struct context *context)
{
    CALL(READY, push_found(context), " %s", spell(A_CONTEXT, context));
}

static CUresult pop(struct context **out)
{
    if (!depth)
        return misuse(CUDA_ERROR_INVALID_CONTEXT, "no context is current");
    outcome(" %s", spell_object(&current()->object));
    depth--;
    if (out)
        *out = stack[depth];
    return CUDA_SUCCESS;
}

API cuCtxPopCurrent_v2(struct context **out)
{
    CALL(READY, pop(out));
}

static CUresult set(struct context *handle)
{
    struct context *context = handle ? find(A_CONTEXT, handle) : NULL;
    if (handle && !context)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (depth)
        depth--;
    return context ? push(context) : CUDA_SUCCESS;
}

API cuCtxSetCurrent(struct context *context)
{
    CALL(READY, set(context), " %s", spell(A_CONTEXT, context));
}

static CUresult get(struct context **out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    *out = current();
    outcome(" %s", spell(A_CONTEXT, *out));
    return CUDA_SUCCESS;
}

API cuCtxGetCurrent(struct context **out)
{
    CALL(READY, get(out));
}

/* The context of a handle, or where it is NULL the current one. */
static struct context *named_or_current(struct context *handle)
{
    return find(A_CONTEXT, handle ? handle : current());
}

static CUresult get_device(CUdevice *device, struct context *handle)
{
    const struct context *context = named_or_current(handle);
    if (!device)
        return CUDA_ERROR_INVALID_VALUE;
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    *device = context->device;
    outcome(" %d", *device);
    return CUDA_SUCCESS;
}

API cuCtxGetDevice(CUdevice *device)
{
    CALL(CONTEXT, get_device(device, NULL));
}

API cuCtxGetDevice_v2(CUdevice *device, struct context *context)
{
    CALL(READY, get_device(device, context), " %s", spell(A_CONTEXT, context));
}

static CUresult api_version(struct context *handle, unsigned *version)
{
    if (!version)
        return CUDA_ERROR_INVALID_VALUE;
    if (handle && !find(A_CONTEXT, handle))
        return CUDA_ERROR_INVALID_CONTEXT;
    *version = API_VERSION;
    return CUDA_SUCCESS;
}

API cuCtxGetApiVersion(struct context *context, unsigned *version)
{
    CALL(CONTEXT, api_version(context, version), " %s", spell(A_CONTEXT, context));
}

static CUresult priorities(int *least, int *greatest)
{
    if (least)
        *least = LEAST_PRIORITY;
    if (greatest)
        *greatest = GREATEST_PRIORITY;
    return CUDA_SUCCESS;
}

API cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
    CALL(CONTEXT, priorities(least, greatest));
}

static CUresult synchronise(struct context *handle)
{
    const struct context *context = named_or_current(handle);
    return context ? refuse_captures_of(context) : CUDA_ERROR_INVALID_CONTEXT;
}

API cuCtxSynchronize(void)
{
    CALL(CONTEXT, synchronise(NULL));
}

API cuCtxSynchronize_v2(struct context *context)
{
    CALL(READY, synchronise(context), " %s", spell(A_CONTEXT, context));
}
