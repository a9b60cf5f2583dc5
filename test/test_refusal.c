/* Tests of refusal: responses that any HTTP client can take apart. */
#include "core/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char reason[] = "too many clients";

static void the_length_is_that_of_the_content(void **state)
{
    (void)state;
    struct text response;
    text_init(&response);
    refusal_write(&response, 503, reason, false);
    const char *content = strstr(response.bytes, "\r\n\r\n");
    assert_non_null(content);
    content += 4;
    char field[64];
    snprintf(field, sizeof(field), "\r\nContent-Length: %zu\r\n", strlen(content));
    assert_non_null(strstr(response.bytes, field));
    assert_memory_equal(content, reason, strlen(reason));
    assert_memory_equal(response.bytes, "HTTP/1.1 503 Service Unavailable\r\n", 34);
    assert_non_null(strstr(response.bytes, "\r\nConnection: close\r\n"));
    text_free(&response);
}

static void a_response_to_head_ends_with_its_head(void **state)
{
    (void)state;
    struct text with, without;
    text_init(&with);
    text_init(&without);
    refusal_write(&with, 405, reason, false);
    refusal_write(&without, 405, reason, true);
    size_t content = strlen(reason) + 1;
    assert_int_equal(with.length - content, without.length);
    text_free(&with);
    text_free(&without);
}

static void each_status_brings_the_fields_that_it_must(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *field;
        bool present;
    } cases[] = {
        {405, "\r\nAllow: POST\r\n", true},
        {404, "\r\nAllow:", false},
        {503, "\r\nRetry-After: 1\r\n", true},
        {405, "\r\nRetry-After:", false},
        {400, "\r\nDate: ", true},
        {400, " GMT\r\n", true},
        {403, "Access-Control-", false},
        {418, "HTTP/1.1 418 Refused\r\n", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text response;
        text_init(&response);
        refusal_write(&response, cases[i].status, reason, false);
        assert_int_equal(strstr(response.bytes, cases[i].field) != NULL, cases[i].present);
        text_free(&response);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_length_is_that_of_the_content),
        cmocka_unit_test(a_response_to_head_ends_with_its_head),
        cmocka_unit_test(each_status_brings_the_fields_that_it_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
