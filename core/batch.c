/* Gathers events for one commit. */
#include "core/batch.h"

#include <stdlib.h>

int batch_reserve(struct batch *batch)
{
    if (batch->count < batch->capacity)
        return 0;
    size_t capacity = batch->capacity == 0 ? 64 : 2 * batch->capacity;
    struct entry *entries = reallocarray(batch->entries, capacity, sizeof(entries[0]));
    if (entries)
        batch->entries = entries;
    struct event **events = reallocarray(batch->events, capacity, sizeof(events[0]));
    if (events)
        batch->events = events;
    if (!entries || !events)
        return -1;
    batch->capacity = capacity;
    return 0;
}

size_t batch_entry_size(const struct entry *entry)
{
    return event_size(entry->event) + entry->lines.length;
}

void batch_add(struct batch *batch, struct entry entry)
{
    batch->events[batch->count] = entry.event;
    batch->entries[batch->count++] = entry;
    batch->bytes += batch_entry_size(&entry);
}

void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        event_unref(batch->events[i]);
        text_free(&batch->entries[i].lines);
    }
    batch->count = 0;
    batch->bytes = 0;
}

void batch_free(struct batch *batch)
{
    batch_clear(batch);
    free(batch->entries);
    free(batch->events);
}
