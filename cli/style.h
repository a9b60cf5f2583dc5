/*
 * style: colours, on a terminal that has them; nothing elsewhere.
 */
#ifndef LOOKOUT_CLI_STYLE_H
#define LOOKOUT_CLI_STYLE_H

#include <stdbool.h>

/* What to write before a stretch of text, and `end` after it; all empty without colours. */
struct style {
    const char *title;
    const char *label;
    const char *bad;
    const char *end;
};

/*
 * The style for descriptor `fd`: plain when it is no terminal, when colours are not `wanted`, when
 * NO_COLOR is set (no-color.org), or when the terminal is "dumb". Static.
 */
const struct style *style_for(int fd, bool wanted);

#endif
