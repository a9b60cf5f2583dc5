/* Judges a head: gathers what its lines say, then tries the rules on it in one order. */
#include "core/head.h"
#include "core/lookout.h"
#include <arpa/inet.h>
#include <string.h>

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool is_address(int family, struct view text)
{
    char copy[INET6_ADDRSTRLEN]; /* room for the longest literal of either family */
    struct in6_addr address;
    if (text.length >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.length);
    copy[text.length] = '\0';
    return inet_pton(family, copy, &address) == 1;
}

static struct view without_dot(struct view host)
{
    if (host.length > 0 && host.at[host.length - 1] == '.')
        host.length--;
    return host;
}

/* uri-host [ ":" port ], without user information: RFC 9110, 7.2 and 4.2.4. */
static bool parse_authority(struct view text, struct authority *authority)
{
    struct view host, rest;
    if (view_cut(text, ']', &host, &rest)) {
        authority->is_address = view_skip(&host, VIEW("[")) && is_address(AF_INET6, host);
        if (!authority->is_address)
            return false;
    } else {
        view_cut(text, ':', &host, &rest);
        rest = view_drop(text, host.length);
        host = without_dot(host);
        authority->is_address = is_address(AF_INET, host);
        if (!view_is_all(host, REG_NAME))
            return false;
    }
    authority->host = host;
    authority->port = view_drop(rest, 1);
    return (rest.length == 0 || rest.at[0] == ':') &&
           view_span(authority->port, DIGITS) == authority->port.length;
}

/*
 * A web page from elsewhere can make its own name resolve to 127.0.0.1 and then call as if it were
 * this server's (DNS rebinding): so a name must be one that is known to be ours.
 */
static bool is_ours(const struct authority *authority, const struct request_rules *rules)
{
    if (authority->is_address || view_is(authority->host, VIEW("localhost")))
        return true;
    for (size_t i = 0; i < rules->allowed_host_count; i++) {
        const char *name = rules->allowed_hosts[i];
        if (view_is(authority->host, without_dot((struct view){name, strlen(name)})))
            return true;
    }
    return false;
}

/* No port means 80: RFC 9110, 4.2.1. */
static struct view port_of(const struct authority *authority)
{
    return authority->port.length > 0 ? authority->port : VIEW("80");
}

/* Says what is wrong. Returns false, for whoever finds it to return. */
static bool reject(struct head *head, int status, const char *reason)
{
    head->status = status;
    head->reason = reason;
    return false;
}

static void take_connection(struct head *head, struct view option)
{
    head->close |= view_is(option, VIEW("close"));
    head->keep_alive |= view_is(option, VIEW("keep-alive"));
}

static void take_transfer_encoding(struct head *head, struct view coding)
{
    head->has_transfer_encoding = true;
    head->coded_after_chunked |= coding.length > 0 && head->chunked;
    head->chunked |= view_is(coding, VIEW("chunked"));
    head->other_transfer_coding |= coding.length > 0 && !view_is(coding, VIEW("chunked"));
}

static void take_content_encoding(struct head *head, struct view coding)
{
    head->content_coded |= coding.length > 0 && !view_is(coding, VIEW("identity"));
}

static void take_expect(struct head *head, struct view expectation)
{
    bool is_continue = view_is(expectation, VIEW("100-continue"));
    head->expects_continue |= is_continue;
    head->expects_other |= expectation.length > 0 && !is_continue;
}

static const struct view single_fields[SINGLE_FIELDS] = {
    [HOST] = VIEW("Host"),
    [ORIGIN] = VIEW("Origin"),
    [CONTENT_TYPE] = VIEW("Content-Type"),
    [CONTENT_LENGTH] = VIEW("Content-Length"),
};

/* May be spread over several fields and have empty items: RFC 9110, 5.3 and 5.6.1.2. */
static const struct list_field {
    struct view name;
    void (*take)(struct head *head, struct view item);
} list_fields[] = {
    {VIEW("Connection"), take_connection},
    {VIEW("Transfer-Encoding"), take_transfer_encoding},
    {VIEW("Content-Encoding"), take_content_encoding},
    {VIEW("Expect"), take_expect},
};

bool head_split_field(struct view line, struct view *name, struct view *value)
{
    bool has_colon = view_cut(line, ':', name, value);
    *value = view_trim(*value);
    return has_colon && view_is_all(*name, TOKEN);
}

static bool gather_field(struct head *head, struct view line)
{
    struct view name, value, item;
    if (!head_split_field(line, &name, &value))
        return reject(head, 400, HEAD_FIELD_MALFORMED);
    for (size_t i = 0; i < SINGLE_FIELDS; i++) {
        if (!view_is(name, single_fields[i]))
            continue;
        if (head->single[i].at != NULL)
            return reject(head, 400,
                          "Host, Origin, Content-Type and Content-Length may come only once each");
        head->single[i] = value;
    }
    for (size_t i = 0; i < LENGTH_OF(list_fields); i++) {
        bool more = view_is(name, list_fields[i].name);
        while (more) {
            more = view_cut(value, ',', &item, &value);
            list_fields[i].take(head, view_trim(item));
        }
    }
    return true;
}

/* "HTTP/" DIGIT "." DIGIT: RFC 9112, 2.3. */
static bool gather_version(struct head *head, struct view version)
{
    struct view name, major, minor;
    view_cut(version, '/', &name, &version);
    view_cut(version, '.', &major, &minor);
    head->is_http_1 = view_is_exactly(major, VIEW("1"));
    head->is_http_1_0 = view_is_exactly(minor, VIEW("0"));
    return view_is_exactly(name, VIEW("HTTP")) && major.length == 1 && view_is_all(major, DIGITS) &&
           minor.length == 1 && view_is_all(minor, DIGITS);
}

/* The lines of `text`, each with its CRLF: a request line, then header lines. RFC 9112, 3. */
static bool gather_head(struct head *head, struct view text)
{
    struct view line, version;
    view_cut(text, '\r', &line, &text);
    view_cut(line, ' ', &head->method, &line);
    view_cut(line, ' ', &head->target, &version);
    if (!view_is_all(head->method, TOKEN) || !view_is_all(head->target, URI) ||
        !gather_version(head, version))
        return reject(head, 400,
                      "A request begins with a method, a target and a version with one space "
                      "between them, such as: POST " LOOKOUT_PATH " HTTP/1.1");
    while (text.length > 1) {
        view_cut(view_drop(text, 1), '\r', &line, &text);
        if (!gather_field(head, line))
            return false;
    }
    return true;
}

static bool judge_version(struct head *head)
{
    if (!head->is_http_1)
        return reject(head, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here");
    return true;
}

/* A method that is known but not served is 405, any other is 501: RFC 9110, 9.1. */
static bool judge_method(struct head *head)
{
    static const struct view not_served[] = {
        VIEW("GET"),     VIEW("HEAD"),    VIEW("PUT"),   VIEW("DELETE"),
        VIEW("CONNECT"), VIEW("OPTIONS"), VIEW("TRACE"), VIEW("PATCH"),
    };
    if (view_is_exactly(head->method, VIEW("POST")))
        return true;
    for (size_t i = 0; i < LENGTH_OF(not_served); i++) {
        if (view_is_exactly(head->method, not_served[i]))
            return reject(head, 405,
                          "Only POST is served here: POST an XML-RPC call to " LOOKOUT_PATH);
    }
    return reject(head, 501, "This method is unknown here: POST an XML-RPC call to " LOOKOUT_PATH);
}

/* A path, or a whole URL: RFC 9112, 3.2.1 and 3.2.2. */
static bool judge_target(struct head *head)
{
    struct view path, query, authority, rest;
    view_cut(head->target, '?', &path, &query);
    if (view_skip(&path, VIEW("http://"))) {
        view_cut(path, '/', &authority, &rest);
        path = view_drop(path, authority.length);
        if (!parse_authority(authority, &head->authority))
            return reject(head, 400,
                          "After http:// the target must have a name or an address, with a port "
                          "if need be");
    }
    if (!view_is_exactly(path, VIEW(LOOKOUT_PATH)) && !view_is_exactly(path, VIEW("/")))
        return reject(head, 404,
                      "There is nothing at this path: POST an XML-RPC call to " LOOKOUT_PATH);
    return true;
}

/* RFC 9112, 3.2; a target that says whom it is for counts instead: RFC 9112, 3.2.2. */
static bool judge_host(struct head *head)
{
    struct view host = head->single[HOST];
    struct authority named = {0};
    if (host.at == NULL && !head->is_http_1_0)
        return reject(head, 400, "An HTTP/1.1 request must have a Host header");
    if (host.at != NULL && !parse_authority(host, &named))
        return reject(head, 400,
                      "Host must be a name or an address, with a port if need be, such as "
                      "localhost:" LOOKOUT_DEFAULT_PORT);
    if (head->authority.host.at == NULL)
        head->authority = named;
    if (head->authority.host.at != NULL && !is_ours(&head->authority, head->rules))
        return reject(head, 403,
                      "Host is not a name of this server: call it by an IP address or as "
                      "localhost, or start it with --allow-host and this name");
    return true;
}

/* A browser says whose page makes it call: RFC 6454, 7. */
static bool judge_origin(struct head *head)
{
    struct view origin = head->single[ORIGIN];
    struct authority page;
    if (origin.at == NULL)
        return true;
    if (!view_skip(&origin, VIEW("http://")) || !parse_authority(origin, &page) ||
        !view_is(page.host, head->authority.host) ||
        !view_is(port_of(&page), port_of(&head->authority)))
        return reject(head, 403,
                      "Origin is not this server: a web page from elsewhere must not call it");
    return true;
}

/* RFC 9110, 8.3. Parameters do not matter: XML says its encoding itself. */
static bool judge_content_type(struct head *head)
{
    struct view type = head->single[CONTENT_TYPE], parameters;
    if (type.at != NULL)
        view_cut(type, ';', &type, &parameters);
    type = view_trim(type);
    if (!view_is(type, VIEW("text/xml")) && !view_is(type, VIEW("application/xml")))
        return reject(head, 415, "Content-Type must be text/xml or application/xml");
    return true;
}

/* RFC 9110, 8.4. */
static bool judge_content_encoding(struct head *head)
{
    if (head->content_coded)
        return reject(head, 415, "The body must come as it is, without a Content-Encoding");
    return true;
}

/*
 * When chunked is not the last coding nobody knows where the body ends: 400 by RFC 9112, 6.3. Any
 * other coding that is not known is 501: RFC 9112, 6.1.
 */
static bool judge_transfer_encoding(struct head *head)
{
    if (head->is_http_1_0)
        return reject(head, 400, "HTTP/1.0 has no Transfer-Encoding: send a Content-Length");
    if (head->single[CONTENT_LENGTH].at != NULL)
        return reject(head, 400,
                      "Content-Length and Transfer-Encoding must not come in one request");
    if (!head->chunked || head->coded_after_chunked)
        return reject(head, 400, "Transfer-Encoding must name chunked once, and last");
    if (head->other_transfer_coding)
        return reject(head, 501, "The only Transfer-Encoding known here is chunked");
    return true;
}

/* RFC 9110, 8.6, and RFC 9112, 6.3. */
static bool judge_length(struct head *head)
{
    struct view digits = head->single[CONTENT_LENGTH];
    if (head->has_transfer_encoding)
        return judge_transfer_encoding(head);
    if (digits.at == NULL)
        return reject(head, 411,
                      "The request must have a Content-Length, or Transfer-Encoding: chunked");
    if (!view_is_all(digits, DIGITS))
        return reject(head, 400, "Content-Length must be one number, in decimal digits");
    if (!view_number(digits, 10, head->rules->max_body, &head->length))
        return reject(head, 413, HEAD_BODY_TOO_LARGE);
    if (head->length == 0)
        return reject(head, 400, HEAD_BODY_EMPTY);
    return true;
}

/* RFC 9110, 10.1.1. */
static bool judge_expectation(struct head *head)
{
    if (head->expects_other)
        return reject(head, 417, "The only expectation met here is 100-continue");
    return true;
}

/*
 * The order in which faults come first, whatever that of the lines: faults of syntax, which
 * gather_head finds, then these.
 */
static bool (*const judges[])(struct head *head) = {
    judge_version,      judge_method,           judge_target, judge_host,        judge_origin,
    judge_content_type, judge_content_encoding, judge_length, judge_expectation,
};

bool head_judge(struct head *head, struct view text)
{
    if (!gather_head(head, text))
        return false;
    for (size_t i = 0; i < LENGTH_OF(judges); i++) {
        if (!judges[i](head))
            return false;
    }
    return true;
}
