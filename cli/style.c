/* style: decides whether there are colours, and which. */
#include "cli/style.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct style *style_for(int fd, bool wanted)
{
    static const struct style plain = {"", "", "", ""};
    static const struct style coloured = {
        .title = "\033[1m", .label = "\033[36m", .bad = "\033[31m", .end = "\033[0m"};

    const char *refusal = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    bool refused = refusal != NULL && refusal[0] != '\0';
    bool dumb = terminal == NULL || strcmp(terminal, "dumb") == 0;
    return wanted && !refused && !dumb && isatty(fd) ? &coloured : &plain;
}
