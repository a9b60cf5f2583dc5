/*
 * view: a run of bytes of somebody else's, and what a parser does with it.
 *
 * Pure; nothing is copied or owned. Letters are those of ASCII, whatever the locale.
 */
#ifndef LOOKOUT_VIEW_H
#define LOOKOUT_VIEW_H

#include <stdbool.h>
#include <stddef.h>

struct view {
    const char *at;
    size_t length;
};

#define VIEW(literal) ((struct view){literal, sizeof(literal) - 1})

/* Sets of bytes. */
enum view_set {
    DIGITS = 1,
    HEX_DIGITS = 2,
    TOKEN = 4,    /* RFC 9110, 5.6.2 */
    REG_NAME = 8, /* a host's name: RFC 3986, 3.2.2 */
    URI = 16,     /* but for a fragment: RFC 3986, appendix A */
};

bool view_has(enum view_set set, char byte);

/* How many bytes of the set `text` begins with. */
size_t view_span(struct view text, enum view_set set);

/* True for bytes of the set only, and one at least. */
bool view_is_all(struct view text, enum view_set set);

/* Without its first `count` bytes; nothing when it has no more. */
struct view view_drop(struct view text, size_t count);

/* Splits `text` at the first `separator`; without one `before` is all and `after` is nothing. */
bool view_cut(struct view text, char separator, struct view *before, struct view *after);

/* Without optional white space around it: RFC 9110, 5.6.3. */
struct view view_trim(struct view text);

/* The same bytes. */
bool view_is_exactly(struct view a, struct view b);

/* The same in any case of letters. */
bool view_is(struct view a, struct view b);

/* Takes `prefix`, in any case of letters, off `text`; false when it does not begin so. */
bool view_skip(struct view *text, struct view prefix);

/*
 * Reads what is known to be digits as a number of at most `limit`. False when it is more; nothing
 * overflows, as RFC 9110, 8.6, and RFC 9112, 7.1, warn it might.
 */
bool view_number(struct view digits, size_t base, size_t limit, size_t *number);

#endif
