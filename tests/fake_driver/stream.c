/* Streams, whose work is done when the call returns, and events. */
#define _GNU_SOURCE
#include "driver.h"

#include <stdint.h>
#include <time.h>

enum { NON_BLOCKING = 1, STREAM_FLAGS = NON_BLOCKING };
enum { DISABLE_TIMING = 2, INTERPROCESS = 4, EVENT_FLAGS = 1 | DISABLE_TIMING | INTERPROCESS };
/* CU_STREAM_LEGACY and CU_STREAM_PER_THREAD of cuda.h, beside NULL. */
enum { LEGACY = 1, PER_THREAD = 2 };

CUresult find_stream(const void *handle, struct stream **stream)
{
    *stream = NULL;
    if ((uintptr_t)handle <= PER_THREAD)
        return CUDA_SUCCESS;
    *stream = find(STREAM, handle);
    return *stream ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

static void release_stream(struct object *object)
{
    abandon_capture((struct stream *)object);
}

static CUresult create_stream(struct stream **out, unsigned flags)
{
    if (!out || flags & ~(unsigned)STREAM_FLAGS)
        return CUDA_ERROR_INVALID_VALUE;
    *out = create(STREAM, sizeof **out, current(), release_stream);
    (*out)->blocking = !(flags & NON_BLOCKING);
    return CUDA_SUCCESS;
}

API cuStreamCreate(struct stream **out, unsigned flags)
{
    CALL(CONTEXT, create_stream(out, flags), " %u", flags);
}

API cuStreamCreateWithPriority(struct stream **out, unsigned flags, int priority)
{
    CALL(CONTEXT, create_stream(out, flags), " %u %d", flags, priority);
}

static CUresult destroy_stream(void *handle)
{
    struct stream *stream = find(STREAM, handle);
    if (!stream)
        return CUDA_ERROR_INVALID_HANDLE;
    if (stream->capture)
        misuse(0, "%s is capturing; the capture is lost", spell_object(&stream->object));
    bury(&stream->object);
    return CUDA_SUCCESS;
}

API cuStreamDestroy_v2(void *stream)
{
    CALL(CONTEXT, destroy_stream(stream), " %s", spell(STREAM, stream));
}

/* All work is done, so that there is nothing to wait for; what remains is who may ask. */
static CUresult wait_for_stream(const void *handle)
{
    struct stream *stream;
    CUresult result = find_stream(handle, &stream);
    if (result)
        return result;
    return stream ? refuse_capturing(stream) : use_legacy_stream();
}

API cuStreamSynchronize(void *stream)
{
    CALL(UNSAFE | WAITS, wait_for_stream(stream), " %s", spell(STREAM, stream));
}

API cuStreamQuery(void *stream)
{
    CALL(UNSAFE, wait_for_stream(stream), " %s", spell(STREAM, stream));
}

static CUresult wait_event(const void *handle, const void *event_handle)
{
    struct stream *stream;
    CUresult result = find_stream(handle, &stream);
    const struct event *event = find(EVENT, event_handle);
    if (result || !event)
        return CUDA_ERROR_INVALID_HANDLE;
    return wait_captured(stream, event);
}

API cuStreamWaitEvent(void *stream, void *event, unsigned flags)
{
    CALL(CONTEXT, wait_event(stream, event), " %s %s %u", spell(STREAM, stream), spell(EVENT, event), flags);
}

static CUresult create_event(struct event **out, unsigned flags)
{
    if (!out || flags & ~(unsigned)EVENT_FLAGS)
        return CUDA_ERROR_INVALID_VALUE;
    if (flags & INTERPROCESS && !(flags & DISABLE_TIMING))
        return misuse(CUDA_ERROR_INVALID_VALUE, "an event between processes takes no time");
    *out = create(EVENT, sizeof **out, current(), NULL);
    (*out)->timed = !(flags & DISABLE_TIMING);
    return CUDA_SUCCESS;
}

API cuEventCreate(struct event **out, unsigned flags)
{
    CALL(CONTEXT, create_event(out, flags), " %u", flags);
}

static CUresult destroy_event(void *handle)
{
    struct event *event = find(EVENT, handle);
    if (!event)
        return CUDA_ERROR_INVALID_HANDLE;
    bury(&event->object);
    return CUDA_SUCCESS;
}

API cuEventDestroy_v2(void *event)
{
    CALL(CONTEXT, destroy_event(event), " %s", spell(EVENT, event));
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static CUresult record(void *handle, const void *stream_handle)
{
    struct stream *stream;
    struct event *event = find(EVENT, handle);
    CUresult result = find_stream(stream_handle, &stream);
    if (result || !event)
        return CUDA_ERROR_INVALID_HANDLE;
    const struct context *context = stream ? stream->object.context : current();
    if (event->object.context != context)
        return misuse(CUDA_ERROR_INVALID_HANDLE, "event and stream are of different contexts");
    if (!stream && (result = use_legacy_stream()))
        return result;
    if (stream && stream->capture)
        return record_captured(event, stream);
    event->recorded = true;
    event->captured = 0;
    event->milliseconds = now();
    return CUDA_SUCCESS;
}

API cuEventRecord(void *event, void *stream)
{
    CALL(CONTEXT, record(event, stream), " %s %s", spell(EVENT, event), spell(STREAM, stream));
}

API cuEventRecordWithFlags(void *event, void *stream, unsigned flags)
{
    CALL(CONTEXT, flags ? CUDA_ERROR_NOT_SUPPORTED : record(event, stream), " %s %s %u", spell(EVENT, event), spell(STREAM, stream), flags);
}

static CUresult wait_for_event(void *handle)
{
    const struct event *event = find(EVENT, handle);
    if (!event)
        return CUDA_ERROR_INVALID_HANDLE;
    if (event->captured)
        return misuse(CUDA_ERROR_CAPTURED_EVENT, "%s was recorded in a capture", spell_object(&event->object));
    return CUDA_SUCCESS;
}

API cuEventSynchronize(void *event)
{
    CALL(UNSAFE | WAITS, wait_for_event(event), " %s", spell(EVENT, event));
}

API cuEventQuery(void *event)
{
    CALL(UNSAFE, wait_for_event(event), " %s", spell(EVENT, event));
}

static CUresult elapsed_time(float *milliseconds, void *start_handle, void *end_handle)
{
    const struct event *start = find(EVENT, start_handle), *end = find(EVENT, end_handle);
    if (!milliseconds)
        return CUDA_ERROR_INVALID_VALUE;
    if (!start || !end)
        return CUDA_ERROR_INVALID_HANDLE;
    if (start->captured || end->captured)
        return misuse(CUDA_ERROR_CAPTURED_EVENT, "an event was recorded in a capture");
    if (!start->recorded || !end->recorded || !start->timed || !end->timed)
        return misuse(CUDA_ERROR_INVALID_HANDLE, "an event was not recorded or takes no time");
    *milliseconds = (float)(end->milliseconds - start->milliseconds);
    return CUDA_SUCCESS;
}

API cuEventElapsedTime(float *milliseconds, void *start, void *end)
{
    CALL(CONTEXT, elapsed_time(milliseconds, start, end), " %s %s", spell(EVENT, start), spell(EVENT, end));
}

API cuEventElapsedTime_v2(float *milliseconds, void *start, void *end)
{
    CALL(CONTEXT, elapsed_time(milliseconds, start, end), " %s %s", spell(EVENT, start), spell(EVENT, end));
}

API cuLaunchHostFunc(void *stream, void (*function)(void *), void *data)
{
    CALL(CONTEXT, function ? submit(stream, (struct operation){.what = HOST_FUNCTION, .function = function, .data = data}) : CUDA_ERROR_INVALID_VALUE,
         " %s", spell(STREAM, stream));
}
