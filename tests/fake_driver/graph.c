/* Captures, the graphs they end in and their launch. */
#include "driver.h"

#include <stdlib.h>
#include <string.h>

enum mode { GLOBAL, THREAD_LOCAL, RELAXED };
enum status { NOT_CAPTURING, CAPTURING, LOST };

struct work {
    struct operation *operations;
    size_t count;
};

struct capture {
    unsigned long long id;
    enum mode mode;
    int thread;
    bool lost;
    struct stream *origin;
    struct work work;
    int streams;
    /* How much work each of its streams was given. */
    int given[STREAMS_IN_A_CAPTURE];
    struct capture *next;
};

struct graph {
    struct object object;
    struct context *captured_in;
    struct work work;
};

static struct capture *captures;
static unsigned long long last_id;
static _Thread_local enum mode thread_mode;

static void append(struct work *work, const struct operation *operations, size_t count)
{
    if (!count)
        return;
    work->operations = realloc(work->operations, (work->count + count) * sizeof *operations);
    if (!work->operations)
        abort();
    memcpy(work->operations + work->count, operations, count * sizeof *operations);
    work->count += count;
}

static void lose(struct capture *capture)
{
    capture->lost = true;
}

static bool forbids_unsafe_calls(const struct capture *capture)
{
    if (thread_mode == RELAXED || capture->mode == RELAXED)
        return false;
    return capture->thread == this_thread() || (thread_mode == GLOBAL && capture->mode == GLOBAL);
}

bool forbidden_by_capture(void)
{
    bool forbidden = false;
    for (struct capture *capture = captures; capture; capture = capture->next)
        if (forbids_unsafe_calls(capture)) {
            lose(capture);
            forbidden = true;
        }
    return forbidden;
}

/* Whoever waits for a whole context waits for its captures as well, which never end for it. */
CUresult refuse_captures_of(const struct context *context)
{
    CUresult result = CUDA_SUCCESS;
    for (struct capture *capture = captures; capture; capture = capture->next)
        if (capture->origin->object.context == context) {
            lose(capture);
            result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        }
    return result ? misuse(result, "a stream of the context is capturing") : result;
}

CUresult refuse_capturing(struct stream *stream)
{
    if (!stream->capture)
        return CUDA_SUCCESS;
    lose(stream->capture);
    return misuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "%s is capturing", spell_object(&stream->object));
}

/* The legacy stream waits for all blocking streams of its context, and they for it. */
CUresult use_legacy_stream(void)
{
    CUresult result = CUDA_SUCCESS;
    for (struct object *object = first_alive(STREAM); object; object = object->next) {
        struct stream *stream = (struct stream *)object;
        if (!stream->capture || !stream->blocking || object->context != current())
            continue;
        lose(stream->capture);
        result = misuse(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "the default stream waits for %s, which is capturing", spell_object(object));
    }
    return result;
}

static void join(struct stream *stream, struct capture *capture)
{
    stream->capture = capture;
    stream->place = capture->streams++;
    memset(stream->known, 0, sizeof stream->known);
}

static void end_capture(struct capture *capture)
{
    struct capture **link = &captures;
    while (*link != capture)
        link = &(*link)->next;
    *link = capture->next;
    for (struct object *object = first_alive(STREAM); object; object = object->next)
        if (((struct stream *)object)->capture == capture)
            ((struct stream *)object)->capture = NULL;
    free(capture->work.operations);
    free(capture);
}

void abandon_capture(struct stream *stream)
{
    if (stream->capture && stream->capture->origin == stream)
        end_capture(stream->capture);
    else if (stream->capture)
        lose(stream->capture);
    stream->capture = NULL;
}

static CUresult lost(const struct stream *stream)
{
    return misuse(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the capture of %s was lost to an error", spell_object(&stream->object));
}

static CUresult run(const struct work *work)
{
    for (size_t index = 0; index < work->count; index++) {
        CUresult result = perform(&work->operations[index]);
        if (result)
            return result;
    }
    return CUDA_SUCCESS;
}

static CUresult submit_work(const void *handle, const struct work *work)
{
    struct stream *stream;
    CUresult result = find_stream(handle, &stream);
    if (result)
        return result;
    if (!stream && (result = use_legacy_stream()))
        return result;
    if (!stream || !stream->capture)
        return run(work);
    if (stream->capture->lost)
        return lost(stream);
    append(&stream->capture->work, work->operations, work->count);
    stream->known[stream->place] = ++stream->capture->given[stream->place];
    outcome(" captured");
    return CUDA_SUCCESS;
}

CUresult submit(const void *stream, struct operation operation)
{
    CUresult result = check(&operation);
    return result ? result : submit_work(stream, &(struct work){&operation, 1});
}

CUresult record_captured(struct event *event, const struct stream *stream)
{
    if (stream->capture->lost)
        return lost(stream);
    event->recorded = false;
    event->captured = stream->capture->id;
    memcpy(event->known, stream->known, sizeof event->known);
    outcome(" captured");
    return CUDA_SUCCESS;
}

static struct capture *capture_of(const struct event *event)
{
    struct capture *capture = captures;
    while (capture && capture->id != event->captured)
        capture = capture->next;
    return capture;
}

static CUresult wait_uncaptured(struct stream *stream, const struct event *event)
{
    if (!stream)
        return use_legacy_stream();
    if (!stream->capture || !event->recorded)
        return CUDA_SUCCESS;
    lose(stream->capture);
    return misuse(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "%s was recorded outside the capture", spell_object(&event->object));
}

CUresult wait_captured(struct stream *stream, const struct event *event)
{
    if (!event->captured)
        return wait_uncaptured(stream, event);
    struct capture *capture = capture_of(event);
    if (!capture)
        return misuse(CUDA_ERROR_CAPTURED_EVENT, "%s was recorded in a capture that has ended", spell_object(&event->object));
    if (!stream) {
        lose(capture);
        return misuse(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "the default stream cannot be captured");
    }
    if (capture->lost)
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (stream->capture && stream->capture != capture) {
        lose(capture);
        lose(stream->capture);
        return misuse(CUDA_ERROR_STREAM_CAPTURE_MERGE, "%s was recorded in another capture", spell_object(&event->object));
    }
    if (!stream->capture && capture->streams == STREAMS_IN_A_CAPTURE)
        return misuse(CUDA_ERROR_NOT_SUPPORTED, "more than %d streams in a capture", STREAMS_IN_A_CAPTURE);
    if (!stream->capture)
        join(stream, capture);
    for (int place = 0; place < capture->streams; place++)
        if (stream->known[place] < event->known[place])
            stream->known[place] = event->known[place];
    outcome(" captured");
    return CUDA_SUCCESS;
}

static CUresult begin(const void *handle, int mode)
{
    struct stream *stream;
    CUresult result = find_stream(handle, &stream);
    if (result)
        return result;
    if (mode < GLOBAL || mode > RELAXED)
        return CUDA_ERROR_INVALID_VALUE;
    if (!stream)
        return misuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the default stream cannot be captured");
    if (stream->capture)
        return misuse(CUDA_ERROR_ILLEGAL_STATE, "%s is capturing already", spell_object(&stream->object));
    struct capture *capture = calloc(1, sizeof *capture);
    if (!capture)
        abort();
    *capture = (struct capture){.id = ++last_id, .mode = mode, .thread = this_thread(), .origin = stream, .next = captures};
    captures = capture;
    join(stream, capture);
    return CUDA_SUCCESS;
}

API cuStreamBeginCapture_v2(void *stream, int mode)
{
    CALL(READY, begin(stream, mode), " %s %d", spell(STREAM, stream), mode);
}

/* Every stream that took part is waited for by the one that the capture began in. */
static bool is_joined(const struct capture *capture)
{
    for (int place = 0; place < capture->streams; place++)
        if (capture->origin->known[place] < capture->given[place])
            return false;
    return true;
}

static void release_work(struct object *object)
{
    free(((struct graph *)object)->work.operations);
}

static struct graph *create_graph(enum kind kind, struct context *owner, struct context *captured_in, const struct work *work)
{
    struct graph *graph = create(kind, sizeof *graph, owner, release_work);
    graph->captured_in = captured_in;
    append(&graph->work, work->operations, work->count);
    return graph;
}

static CUresult end(const void *handle, struct graph **out)
{
    struct stream *stream;
    CUresult result = find_stream(handle, &stream);
    if (result)
        return result;
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    *out = NULL;
    if (!stream || !stream->capture)
        return misuse(CUDA_ERROR_ILLEGAL_STATE, "the stream is not capturing");
    struct capture *capture = stream->capture;
    if (capture->origin != stream) {
        lose(capture);
        return misuse(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "the capture began in %s", spell_object(&capture->origin->object));
    }
    if (capture->mode != RELAXED && capture->thread != this_thread())
        return misuse(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "the capture began in t%d", capture->thread);
    if (capture->lost)
        result = lost(stream);
    else if (!is_joined(capture))
        result = misuse(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "%s did not wait for all streams of its capture", spell_object(&stream->object));
    else
        *out = create_graph(GRAPH, NULL, stream->object.context, &capture->work);
    end_capture(capture);
    return result;
}

API cuStreamEndCapture(void *stream, struct graph **out)
{
    CALL(READY, end(stream, out), " %s", spell(STREAM, stream));
}

static CUresult capture_info(const void *handle, int *status, unsigned long long *id)
{
    struct stream *stream;
    CUresult result = find_stream(handle, &stream);
    if (result)
        return result;
    if (!status)
        return CUDA_ERROR_INVALID_VALUE;
    if (!stream && current() && (result = use_legacy_stream()))
        return result;
    const struct capture *capture = stream ? stream->capture : NULL;
    *status = !capture ? NOT_CAPTURING : capture->lost ? LOST : CAPTURING;
    if (id)
        *id = capture ? capture->id : 0;
    outcome(" %d", *status);
    return CUDA_SUCCESS;
}

API cuStreamIsCapturing(void *stream, int *status)
{
    CALL(READY, capture_info(stream, status, NULL), " %s", spell(STREAM, stream));
}

API cuStreamGetCaptureInfo(void *stream, int *status, unsigned long long *id)
{
    CALL(READY, capture_info(stream, status, id), " %s", spell(STREAM, stream));
}

static CUresult full_capture_info(const void *stream, int *status, unsigned long long *id, void **graph, const void **nodes, const void **edges,
                                  size_t *count)
{
    /* The graph of a capture under way and its nodes are not to be had here. */
    if (graph)
        *graph = NULL;
    if (nodes)
        *nodes = NULL;
    if (edges)
        *edges = NULL;
    if (count)
        *count = 0;
    return capture_info(stream, status, id);
}

API cuStreamGetCaptureInfo_v2(void *stream, int *status, unsigned long long *id, void **graph, const void **nodes, size_t *count)
{
    CALL(READY, full_capture_info(stream, status, id, graph, nodes, NULL, count), " %s", spell(STREAM, stream));
}

API cuStreamGetCaptureInfo_v3(void *stream, int *status, unsigned long long *id, void **graph, const void **nodes, const void **edges, size_t *count)
{
    CALL(READY, full_capture_info(stream, status, id, graph, nodes, edges, count), " %s", spell(STREAM, stream));
}

static CUresult exchange_mode(int *mode)
{
    if (!mode || *mode < GLOBAL || *mode > RELAXED)
        return CUDA_ERROR_INVALID_VALUE;
    enum mode former = thread_mode;
    thread_mode = *mode;
    *mode = former;
    outcome(" %d", *mode);
    return CUDA_SUCCESS;
}

API cuThreadExchangeStreamCaptureMode(int *mode)
{
    CALL(READY, exchange_mode(mode), " %d", mode ? *mode : -1);
}

static CUresult instantiate(struct graph **out, void *handle)
{
    const struct graph *graph = find(GRAPH, handle);
    if (!graph || !out)
        return CUDA_ERROR_INVALID_VALUE;
    *out = create_graph(EXECUTABLE, graph->captured_in, graph->captured_in, &graph->work);
    return CUDA_SUCCESS;
}

API cuGraphInstantiateWithFlags(struct graph **out, void *graph, unsigned long long flags)
{
    CALL(READY, instantiate(out, graph), " %s %llu", spell(GRAPH, graph), flags);
}

API cuGraphInstantiate_v2(struct graph **out, void *graph, void **error_node, char *text, size_t room)
{
    (void)text;
    (void)room;
    if (error_node)
        *error_node = NULL;
    CALL(READY, instantiate(out, graph), " %s", spell(GRAPH, graph));
}

static CUresult launch(void *handle, const void *stream)
{
    const struct graph *executable = find(EXECUTABLE, handle);
    if (!executable)
        return CUDA_ERROR_INVALID_VALUE;
    /* A copy, since another thread may destroy the original while a host function runs. */
    struct work work = {0};
    append(&work, executable->work.operations, executable->work.count);
    CUresult result = submit_work(stream, &work);
    free(work.operations);
    /* A kernel or copy that reaches for freed memory takes the whole context down. */
    return result == CUDA_ERROR_INVALID_VALUE ? break_down(CUDA_ERROR_ILLEGAL_ADDRESS) : result;
}

API cuGraphLaunch(void *executable, void *stream)
{
    CALL(CONTEXT | WAITS, launch(executable, stream), " %s %s", spell(EXECUTABLE, executable), spell(STREAM, stream));
}

static CUresult destroy(enum kind kind, void *handle)
{
    struct graph *graph = find(kind, handle);
    if (!graph)
        return CUDA_ERROR_INVALID_VALUE;
    bury(&graph->object);
    return CUDA_SUCCESS;
}

API cuGraphDestroy(void *graph)
{
    CALL(READY, destroy(GRAPH, graph), " %s", spell(GRAPH, graph));
}

API cuGraphExecDestroy(void *executable)
{
    CALL(READY, destroy(EXECUTABLE, executable), " %s", spell(EXECUTABLE, executable));
}
