/* Events and filters over them. */
#include "core/event.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a struct with five members and a value takes besides the strings in it, rounded up. */
#define ANSWER_FRAME 512

/* Bits that have one type each; the bits above them are shared by all others. */
#define CONNECT_BIT    UINT64_C(1)
#define DISCONNECT_BIT UINT64_C(2)
#define OWN_BITS       2

static const struct {
    const char *type;
    uint64_t mask;
} visits[] = {{"connect", CONNECT_BIT}, {"disconnect", DISCONNECT_BIT}};

#define VISIT_COUNT (sizeof(visits) / sizeof(visits[0]))

struct event *event_new(const char *type, const char *source, double time, const char *data,
                        size_t data_length)
{
    size_t type_size = strlen(type) + 1, source_size = strlen(source) + 1;
    struct event *event = malloc(sizeof(*event) + type_size + source_size + data_length + 1);
    if (!event)
        return NULL;
    char *own_type = (char *)(event + 1);
    char *own_source = own_type + type_size;
    char *own_data = own_source + source_size;
    memcpy(own_type, type, type_size);
    memcpy(own_source, source, source_size);
    memcpy(own_data, data, data_length);
    own_data[data_length] = '\0';
    *event = (struct event){
        .time = time,
        .class = event_class_of(type),
        .mask = event_mask(type),
        .type = own_type,
        .source = own_source,
        .data = own_data,
        .data_length = data_length,
    };
    atomic_init(&event->references, 1);
    return event;
}

struct event *event_ref(struct event *event)
{
    atomic_fetch_add_explicit(&event->references, 1, memory_order_relaxed);
    return event;
}

void event_unref(struct event *event)
{
    if (event && atomic_fetch_sub(&event->references, 1) == 1)
        free(event);
}

size_t event_size(const struct event *event)
{
    return sizeof(*event) + (size_t)(event->data - event->type) + event->data_length + 1;
}

bool event_type_is_sound(const char *type)
{
    static const char others[] = "._-";
    size_t length = strlen(type);
    if (length == 0 || length >= EVENT_TYPE_SIZE || !isalpha((unsigned char)type[0]))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)type[i]) && !strchr(others, type[i]))
            return false;
    return true;
}

bool event_type_is_reserved(const char *type)
{
    static const char *const names[] = {"connect", "disconnect", "print", "gap"};
    static const char *const groups[] = {"server.", "worker."};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(type, names[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        if (strncmp(type, groups[i], strlen(groups[i])) == 0)
            return true;
    return false;
}

enum event_class event_class_of(const char *type)
{
    for (size_t i = 0; i < VISIT_COUNT; i++)
        if (strcmp(type, visits[i].type) == 0)
            return EVENT_VISIT;
    return EVENT_RECORD;
}

uint64_t event_mask(const char *type)
{
    for (size_t i = 0; i < VISIT_COUNT; i++)
        if (strcmp(type, visits[i].type) == 0)
            return visits[i].mask;
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a, 64 bits */
    for (; *type; type++)
        hash = (hash ^ (unsigned char)*type) * UINT64_C(1099511628211);
    return UINT64_C(1) << (OWN_BITS + (hash >> 32) % (64 - OWN_BITS));
}

void event_id_text(char out[EVENT_ID_SIZE], uint64_t id)
{
    snprintf(out, EVENT_ID_SIZE, "%" PRIu64, id);
}

void event_filter_init(struct event_filter *filter)
{
    filter->count = 0;
    filter->mask = ~(CONNECT_BIT | DISCONNECT_BIT);
}

int event_filter_add(struct event_filter *filter, const char *type)
{
    if (filter->count == EVENT_FILTER_TYPES)
        return -1;
    if (filter->count == 0)
        filter->mask = 0;
    filter->mask |= event_mask(type);
    snprintf(filter->types[filter->count++], EVENT_TYPE_SIZE, "%s", type);
    return 0;
}

static bool takes(const struct event_filter *filter, uint64_t mask, const char *type)
{
    if (!(filter->mask & mask))
        return false;
    for (size_t i = 0; i < filter->count; i++)
        if (strcmp(filter->types[i], type) == 0)
            return true;
    return filter->count == 0;
}

bool event_filter_takes(const struct event_filter *filter, const struct event *event)
{
    return takes(filter, event->mask, event->type);
}

bool event_filter_takes_type(const struct event_filter *filter, const char *type)
{
    return takes(filter, event_mask(type), type);
}

bool event_filter_takes_class(const struct event_filter *filter, enum event_class class)
{
    uint64_t of_visits = CONNECT_BIT | DISCONNECT_BIT;
    return filter->mask & (class == EVENT_VISIT ? of_visits : ~of_visits);
}

size_t event_answer_size(const struct event *event)
{
    return ANSWER_FRAME + (size_t)(event->data - event->type) + event->data_length;
}

void event_page_init(struct event_page *page)
{
    *page = (struct event_page){0};
}

void event_page_free(struct event_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        event_unref(page->events[i]);
    free(page->events);
    event_page_init(page);
}

int event_page_add(struct event_page *page, const struct event_query *query, struct event *event)
{
    size_t bytes = page->bytes + event_answer_size(event);
    if (page->count == query->limit || (page->count > 0 && bytes > query->max_bytes))
        return 0;
    /* The array is full whenever the count is a power of two. */
    if ((page->count & (page->count - 1)) == 0) {
        size_t room = page->count == 0 ? 1 : 2 * page->count;
        struct event **events = reallocarray(page->events, room, sizeof(events[0]));
        if (!events)
            return -1;
        page->events = events;
    }
    page->events[page->count++] = event_ref(event);
    page->bytes = bytes;
    return 1;
}
