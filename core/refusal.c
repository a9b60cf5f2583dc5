/* Writes the HTTP responses that refuse a request or a connection. */
#include "core/refusal.h"
#include "core/clock.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* RFC 9110, 15; 431 and its name are of RFC 6585. */
static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Refused";
}

void refusal_write(struct text *response, int status, const char *reason, bool without_content)
{
    char date[CLOCK_HTTP_DATE_SIZE];
    clock_http_date(date, time(NULL));
    text_printf(response, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, reason_phrase(status), date);
    if (status == 405)
        text_add(response, "Allow: POST\r\n");
    if (status == 503)
        text_printf(response, "Retry-After: %d\r\n", REFUSAL_RETRY_SECONDS);
    text_printf(response,
                "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
                "Connection: close\r\n\r\n",
                strlen(reason) + 1);
    if (!without_content)
        text_printf(response, "%s\n", reason);
}

void refusal_turn_away(int fd, int status, const char *reason)
{
    char received[4096];
    struct text response;
    text_init(&response);
    refusal_write(&response, status, reason, false);
    if (!response.failed && send(fd, response.bytes, response.length, MSG_NOSIGNAL) > 0) {
        shutdown(fd, SHUT_WR);
        /* A request that is here already must not make a reset of the close. */
        recv(fd, received, sizeof(received), MSG_DONTWAIT);
    }
    text_free(&response);
    close(fd);
}
