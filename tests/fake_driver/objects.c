/* What exists, what existed and its names in the log. A dead object stays known, so that its handle is recognised and never given out again. */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>

#define SPELLINGS_A_LINE 8

static struct list { struct object *first; int made; } living[KINDS], dead[KINDS];
static const struct { char letter; const char *title; } KIND[KINDS] = {
    [A_CONTEXT] = {'c', "context"}, [MEMORY] = {'m', "memory"}, [PINNED] = {'h', "pinned memory"}, [STREAM] = {'s', "stream"},
    [EVENT] = {'e', "event"}, [GRAPH] = {'g', "graph"}, [EXECUTABLE] = {'x', "executable graph"},
};

static void append(struct list *list, struct object *object)
{
    struct object **end = &list->first;
    while (*end)
        end = &(*end)->next;
    object->next = NULL;
    *end = object;
}

static void take_out(struct list *list, struct object *object)
{
    struct object **link = &list->first;
    while (*link != object)
        link = &(*link)->next;
    *link = object->next;
}

static void prepend(struct list *list, struct object *object)
{
    object->next = list->first;
    list->first = object;
}

void *create(enum kind kind, size_t bytes, struct context *context, void (*release)(struct object *))
{
    struct object *object = calloc(1, bytes);
    if (!object)
        abort();
    *object = (struct object){.kind = kind, .number = ++living[kind].made, .alive = true, .context = context, .release = release};
    append(&living[kind], object);
    outcome(" %s", spell_object(object));
    return object;
}

void bury(struct object *object)
{
    take_out(&living[object->kind], object);
    object->alive = false;
    prepend(&dead[object->kind], object);
    if (object->release)
        object->release(object);
}

void revive(struct object *object)
{
    take_out(&dead[object->kind], object);
    object->alive = true;
    append(&living[object->kind], object);
}

struct object *first_alive(enum kind kind)
{
    return living[kind].first;
}

struct object *first_dead(enum kind kind)
{
    return dead[kind].first;
}

static struct object *with_handle(struct object *object, const void *handle)
{
    while (object && object != handle)
        object = object->next;
    return object;
}

void *find(enum kind kind, const void *handle)
{
    struct object *object = with_handle(living[kind].first, handle);
    if (!object && with_handle(dead[kind].first, handle))
        misuse(0, "%s was destroyed", spell(kind, handle));
    else if (!object)
        misuse(0, "no %s", KIND[kind].title);
    return object;
}

/* Of a ring, so that one line can hold several. */
char *spelling(void)
{
    static _Thread_local char ring[SPELLINGS_A_LINE][SPELLING_BYTES];
    static _Thread_local unsigned turn;
    return ring[turn++ % SPELLINGS_A_LINE];
}

const char *spell_object(const struct object *object)
{
    char *text = spelling();
    snprintf(text, SPELLING_BYTES, "%c%d", KIND[object->kind].letter, object->number);
    return text;
}

const char *spell(enum kind kind, const void *handle)
{
    if (!handle)
        return kind == STREAM ? "legacy" : "null";
    const struct object *object = with_handle(living[kind].first, handle);
    if (!object)
        object = with_handle(dead[kind].first, handle);
    return object ? spell_object(object) : "?";
}
