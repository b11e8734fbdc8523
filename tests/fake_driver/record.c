/* The log, the settings of the environment and what is refused before a call does anything. */
#include "driver.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 1024
#define MOST_FAULTS 32

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct settings chosen = {.version = 13000, .devices = 1, .capability = {8, 9}, .name = "Fake GPU"};
static struct { char function[64]; int turn; int code; int seen; } faults[MOST_FAULTS];
static int fault_count;
static int log_file = -1;
static pid_t initialised_in;
static int waits_before_loss = -1;
static int waits;
static CUresult broken;
static int threads;

static _Thread_local int thread;
static _Thread_local bool in_host_function;
static _Thread_local const char *running;
static _Thread_local char argument_text[LINE_BYTES];
static _Thread_local char outcome_text[LINE_BYTES];

static void refuse_setting(const char *name, const char *value)
{
    fprintf(stderr, "fake CUDA driver: %s=%s cannot be read; see tests/fake_driver/__init__.py\n", name, value);
    abort();
}

static void read_number(const char *name, int *number)
{
    const char *value = getenv(name);
    char extra;
    if (value && sscanf(value, "%d%c", number, &extra) != 1)
        refuse_setting(name, value);
}

static void read_faults(const char *name)
{
    const char *value = getenv(name);
    for (const char *rest = value; rest && *rest; rest += *rest == ',') {
        int read = 0;
        if (fault_count == MOST_FAULTS ||
            sscanf(rest, "%63[^:,]:%d=%d%n", faults[fault_count].function, &faults[fault_count].turn, &faults[fault_count].code, &read) != 3)
            refuse_setting(name, value);
        fault_count++;
        rest += read;
        if (*rest && *rest != ',')
            refuse_setting(name, value);
    }
}

__attribute__((constructor)) static void read_environment(void)
{
    read_number("FAKE_CUDA_VERSION", &chosen.version);
    read_number("FAKE_CUDA_DEVICES", &chosen.devices);
    read_number("FAKE_CUDA_LOST_AFTER", &waits_before_loss);
    read_faults("FAKE_CUDA_FAIL");
    const char *capability = getenv("FAKE_CUDA_CAPABILITY");
    if (capability && sscanf(capability, "%d.%d", &chosen.capability[0], &chosen.capability[1]) != 2)
        refuse_setting("FAKE_CUDA_CAPABILITY", capability);
    if (getenv("FAKE_CUDA_NAME"))
        chosen.name = strdup(getenv("FAKE_CUDA_NAME"));
    const char *path = getenv("FAKE_CUDA_LOG");
    if (path && (log_file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)) < 0)
        refuse_setting("FAKE_CUDA_LOG", path);
}

static void write_line(const char *format, ...) PRINTS(1, 2);

static void write_line(const char *format, ...)
{
    if (log_file < 0)
        return;
    char line[3 * LINE_BYTES];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line - 1, format, values);
    va_end(values);
    if (length > (int)sizeof line - 2)
        length = (int)sizeof line - 2;
    line[length] = '\n';
    /* One write a line keeps the lines of several processes whole. A full disk must not change what the driver does. */
    if (write(log_file, line, (size_t)length + 1) < 0)
        log_file = -1;
}

static void add(char *text, const char *format, va_list values)
{
    size_t length = strlen(text);
    vsnprintf(text + length, LINE_BYTES - length, format, values);
}

int this_thread(void)
{
    if (!thread)
        thread = ++threads;
    return thread;
}

const struct settings *settings(void)
{
    return &chosen;
}

void enter(const char *function)
{
    pthread_mutex_lock(&lock);
    running = function;
    argument_text[0] = outcome_text[0] = '\0';
}

void arguments(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    add(argument_text, format, values);
    va_end(values);
}

void outcome(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    add(outcome_text, format, values);
    va_end(values);
}

static void mark(char sign, const char *format, va_list values)
{
    char text[LINE_BYTES];
    vsnprintf(text, sizeof text, format, values);
    write_line("t%d %c %s: %s", this_thread(), sign, running, text);
}

CUresult misuse(CUresult result, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    mark('!', format, values);
    va_end(values);
    return result;
}

void remark(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    mark('#', format, values);
    va_end(values);
}

CUresult break_down(CUresult result)
{
    return broken = result;
}

void initialise(void)
{
    initialised_in = getpid();
}

static CUresult fault_of(const char *function)
{
    for (int index = 0; index < fault_count; index++)
        if (!strcmp(faults[index].function, function) && ++faults[index].seen == faults[index].turn)
            return faults[index].code;
    return CUDA_SUCCESS;
}

CUresult admit(int needs)
{
    CUresult fault = fault_of(running);
    if (fault)
        return fault;
    if (in_host_function)
        return misuse(CUDA_ERROR_NOT_PERMITTED, "called from a host function of a stream");
    /* A GPU that fell off the bus answers "unknown error" (999) to whatever follows; 719 is what a kernel that failed leaves behind. */
    if (!broken && waits_before_loss >= 0 && waits >= waits_before_loss)
        broken = CUDA_ERROR_UNKNOWN;
    if (needs == NOTHING)
        return CUDA_SUCCESS;
    if (broken)
        return broken;
    if ((needs & READY) == READY && !initialised_in)
        return misuse(CUDA_ERROR_NOT_INITIALIZED, "called before cuInit");
    if ((needs & READY) == READY && initialised_in != getpid())
        return misuse(CUDA_ERROR_NOT_INITIALIZED, "called in a fork of the process that called cuInit");
    if ((needs & CONTEXT) == CONTEXT && !current())
        return misuse(CUDA_ERROR_INVALID_CONTEXT, "no context is current");
    if ((needs & CONTEXT) == CONTEXT && !current()->object.alive)
        return misuse(CUDA_ERROR_CONTEXT_IS_DESTROYED, "%s is current and destroyed", spell_object(&current()->object));
    if ((needs & UNSAFE) == UNSAFE && forbidden_by_capture())
        return misuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "called during a capture, which is lost");
    if (needs & WAITS)
        waits++;
    return CUDA_SUCCESS;
}

CUresult leave(CUresult result)
{
    write_line("t%d %s%s -> %d%s", this_thread(), running, argument_text, result, outcome_text);
    pthread_mutex_unlock(&lock);
    return result;
}

/* Without the lock: the function may wait for a thread that is in the driver. */
void call_back(void (*function)(void *), void *data)
{
    pthread_mutex_unlock(&lock);
    in_host_function = true;
    function(data);
    in_host_function = false;
    pthread_mutex_lock(&lock);
}

/* The last line of a log: what is left. */
__attribute__((destructor)) static void list_what_is_left(void)
{
    if (initialised_in != getpid())
        return;
    enter("exit");
    for (enum kind kind = A_CONTEXT; kind < KINDS; kind++)
        for (const struct object *object = first_alive(kind); object; object = object->next)
            outcome(" %s", spell_object(object));
    write_line("t%d exit ->%s", this_thread(), outcome_text[0] ? outcome_text : " nothing");
    pthread_mutex_unlock(&lock);
}
