/*
 * event: one thing that happened, and which of them somebody wants to see.
 *
 * An event is made once and then only read, by any thread, and is freed with its last reference;
 * the id alone comes later, from the recorder, before any other thread sees the event.
 */
#ifndef LOOKOUT_EVENT_H
#define LOOKOUT_EVENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a type's name, NUL included. */
#define EVENT_TYPE_SIZE 64

/* Types that one filter can name. */
#define EVENT_FILTER_TYPES 32

/*
 * What is kept apart from what, so that a flood of the one does not push out the other: who came
 * and left (connect, disconnect), and all the rest.
 */
enum event_class { EVENT_RECORD, EVENT_VISIT, EVENT_CLASSES };

struct event {
    atomic_uint references;
    uint64_t id; /* from 1 on; 0 until the recorder has given it */
    double time; /* seconds since the epoch */
    enum event_class class;
    uint64_t mask;      /* the bit of its type: see event_mask */
    const char *type;   /* this and what follows are in the event's own block, NUL-terminated */
    const char *source; /* "conn17", or "server" */
    const char *data;   /* the XML of a value: "<value>…</value>" */
    size_t data_length; /* bytes, without the NUL */
};

/* A new event with one reference; copies what it is given. NULL when memory is lacking. */
struct event *event_new(const char *type, const char *source, double time, const char *data,
                        size_t data_length);

/* One more reference; returns the event. */
struct event *event_ref(struct event *event);

/* Gives back a reference. */
void event_unref(struct event *event);

/* Bytes that the event takes in memory. */
size_t event_size(const struct event *event);

/*
 * A type's name: letters, digits, '.', '_' and '-', beginning with a letter, shorter than
 * EVENT_TYPE_SIZE.
 */
bool event_type_is_sound(const char *type);

/* The types that only the server itself records: connect, print, gap, server.*, worker.* … */
bool event_type_is_reserved(const char *type);

enum event_class event_class_of(const char *type);

/*
 * The bit of a type: connect and disconnect have one each, all others share the rest. Different
 * types may have the same bit, so a mask that matches says "perhaps", one that does not "no".
 */
uint64_t event_mask(const char *type);

/* Which events somebody wants to see. */
struct event_filter {
    uint64_t mask; /* the bits of the types wanted */
    size_t count;  /* types named; 0: all but connect and disconnect */
    char types[EVENT_FILTER_TYPES][EVENT_TYPE_SIZE];
};

/* A filter for all but connect and disconnect. Adding a type makes it one for the types added. */
void event_filter_init(struct event_filter *filter);

/* Adds a sound type. -1 when there is no room for one more. */
int event_filter_add(struct event_filter *filter, const char *type);

bool event_filter_takes(const struct event_filter *filter, const struct event *event);

/* The same, of an event of which only the type is known. */
bool event_filter_takes_type(const struct event_filter *filter, const char *type);

/* Whether events of this class can be among those wanted. */
bool event_filter_takes_class(const struct event_filter *filter, enum event_class class);

/* Room for an id's text, NUL included: how ids and cursors are shown to clients. */
#define EVENT_ID_SIZE 24

void event_id_text(char out[EVENT_ID_SIZE], uint64_t id);

/* What a reader asks for. */
struct event_query {
    uint64_t after; /* the cursor: only events with an id above it */
    size_t limit;   /* events, from 1 on */
    size_t
        max_bytes; /* of what event_answer_size says of them together; one event is always let in */
    struct event_filter filter;
};

/* Bytes that an event takes in an answer, at the most. */
size_t event_answer_size(const struct event *event);

/* What a reader gets: a reference to each event, oldest first. */
struct event_page {
    struct event **events; /* an array that the page owns */
    size_t count;
    size_t bytes;    /* of the answer, so far */
    uint64_t next;   /* the cursor to go on from: everything up to it was looked at */
    uint64_t pruned; /* of the journal when it was read from there: the highest id pruned */
};

void event_page_init(struct event_page *page);
void event_page_free(struct event_page *page);

/*
 * Adds a reference to an event if the query still has room for it: 1; 0 when the page is full, and
 * the event not added; -1 when memory is lacking.
 */
int event_page_add(struct event_page *page, const struct event_query *query, struct event *event);

#endif
