/* What the parts of the fake driver share. What is not exported runs under the driver's one lock, which `enter` takes and `leave` gives back. */
#ifndef FAKE_DRIVER_H
#define FAKE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;

enum {
    CUDA_SUCCESS = 0,
#define ERROR(name, code, text) CUDA_ERROR_##name = code,
#include "errors.h"
#undef ERROR
};

#define API __attribute__((visibility("default"))) CUresult
#define PRINTS(text, first) __attribute__((format(printf, text, first)))

/* record.c: the log, the settings of the environment and what is refused before a call does anything */

/* What a call asks for: a GPU that is not lost; cuInit; a current context; no capture that forbids a "potentially unsafe call", as cuda.h says at
 * cuThreadExchangeStreamCaptureMode. WAITS counts for FAKE_CUDA_LOST_AFTER. */
enum { NOTHING = 0, DRIVER = 1, READY = 2 | DRIVER, CONTEXT = 4 | READY, UNSAFE = 8 | CONTEXT, WAITS = 16 };

struct settings {
    int version;
    int devices;
    int capability[2];
    const char *name;
};

void enter(const char *function);
void arguments(const char *format, ...) PRINTS(1, 2);
CUresult admit(int needs);
void outcome(const char *format, ...) PRINTS(1, 2);
CUresult leave(CUresult result);
CUresult misuse(CUresult result, const char *format, ...) PRINTS(2, 3);
void remark(const char *format, ...) PRINTS(1, 2);
/* As of now every call gives `result`, as after an error that a context does not come back from. */
CUresult break_down(CUresult result);
void initialise(void);
void call_back(void (*function)(void *), void *data);
int this_thread(void);
const struct settings *settings(void);

/* The body of a function of the driver; what follows `work` is printed as its arguments in the log, with a space before each. */
#define CALL(needs, work, ...)                    \
    do {                                          \
        enter(__func__);                          \
        arguments("" __VA_ARGS__);                \
        CUresult refused = admit(needs);          \
        return leave(refused ? refused : (work)); \
    } while (0)

/* objects.c: what exists, what existed and its names in the log */

enum kind { A_CONTEXT, MEMORY, PINNED, STREAM, EVENT, GRAPH, EXECUTABLE, KINDS };

struct object {
    enum kind kind;
    int number;
    bool alive;
    struct context *context;
    void (*release)(struct object *);
    struct object *next;
};

struct context {
    struct object object;
    CUdevice device;
    bool primary;
    unsigned flags;
    int references;
};

void *create(enum kind kind, size_t bytes, struct context *context, void (*release)(struct object *));
void bury(struct object *object);
void revive(struct object *object);
struct object *first_alive(enum kind kind);
struct object *first_dead(enum kind kind);
/* The living object of a handle, or NULL after a line of misuse. */
void *find(enum kind kind, const void *handle);
const char *spell(enum kind kind, const void *handle);
const char *spell_object(const struct object *object);
char *spelling(void);
#define SPELLING_BYTES 48

/* context.c */

struct context *current(void);
CUresult check_device(CUdevice device);

/* memory.c */

/* Of every device. */
#define TOTAL_BYTES ((size_t)8 << 30)

enum side { ON_HOST, ON_DEVICE };

/* One thing that a stream does, at once or, captured, with every launch of its graph. */
struct operation {
    enum { COPY, FILL, HOST_FUNCTION } what;
    struct { CUdeviceptr address; enum side side; } to, from;
    size_t bytes;
    unsigned value;
    size_t value_bytes;
    void (*function)(void *);
    void *data;
};

CUresult check(const struct operation *operation);
CUresult perform(const struct operation *operation);

/* stream.c, graph.c */

/* cuda.h has no limit; a fake has one. */
#define STREAMS_IN_A_CAPTURE 16

struct capture;

struct stream {
    struct object object;
    bool blocking;
    struct capture *capture;
    int place;
    /* How much of the work of each stream in its capture comes before what this one does next. */
    int known[STREAMS_IN_A_CAPTURE];
};

struct event {
    struct object object;
    bool timed;
    bool recorded;
    double milliseconds;
    /* The capture it was last recorded in, 0 for none. */
    unsigned long long captured;
    int known[STREAMS_IN_A_CAPTURE];
};

/* The stream of a handle; NULL for the default streams, which are no objects. */
CUresult find_stream(const void *handle, struct stream **stream);
CUresult submit(const void *stream, struct operation operation);
CUresult use_legacy_stream(void);
bool forbidden_by_capture(void);
CUresult refuse_captures_of(const struct context *context);
CUresult refuse_capturing(struct stream *stream);
CUresult record_captured(struct event *event, const struct stream *stream);
CUresult wait_captured(struct stream *stream, const struct event *event);
void abandon_capture(struct stream *stream);

#endif
