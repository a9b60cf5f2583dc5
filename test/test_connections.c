/* Tests of connections: slots, and that of all who reach for a connection exactly one owns it. */
#include "core/connections.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sockaddr_storage ipv4_peer(void)
{
    struct sockaddr_storage peer = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&peer;
    in->sin_family = AF_INET;
    in->sin_port = htons(53212);
    inet_pton(AF_INET, "127.0.0.1", &in->sin_addr);
    return peer;
}

static struct connection *open_one(struct connections *connections)
{
    struct sockaddr_storage peer = ipv4_peer();
    return connections_open(connections, 7, &peer);
}

static void past_the_limit_connections_are_refused_then_not_even_that(void **state)
{
    (void)state;
    struct connections *connections = connections_new(300, 2); /* more than a chunk of slots */
    for (int i = 0; i < 300; i++)
        assert_false(open_one(connections)->refused);
    struct connection *refused = open_one(connections);
    assert_true(refused->refused);
    assert_true(open_one(connections)->refused);
    assert_null(open_one(connections));

    uint32_t open, max;
    uint64_t total;
    connections_totals(connections, &open, &max, &total);
    assert_int_equal(open, 300);
    assert_int_equal(total, 300);

    connections_close(connections, refused);
    assert_true(open_one(connections)->refused);
    connections_close(connections, connections_at(connections, 0));
    assert_false(open_one(connections)->refused);
    connections_free(connections);
}

static void totals_remember_the_most_that_were_open(void **state)
{
    (void)state;
    struct connections *connections = connections_new(10, 1);
    struct connection *first = open_one(connections), *second = open_one(connections);
    connections_close(connections, first);
    connections_close(connections, second);
    open_one(connections);
    uint32_t open, max;
    uint64_t total;
    connections_totals(connections, &open, &max, &total);
    assert_int_equal(open, 1);
    assert_int_equal(max, 2);
    assert_int_equal(total, 3);
    assert_null(connections_at(connections, connections_made(connections))); /* nor any beyond */
    connections_free(connections);
}

static void an_event_of_an_earlier_life_finds_nobody(void **state)
{
    (void)state;
    struct connections *connections = connections_new(1, 0);
    struct connection *connection = open_one(connections);
    uint32_t stale = connection_generation(connection);
    connections_close(connections, connection);
    assert_false(connection_claim_for_event(connection, stale));

    assert_ptr_equal(open_one(connections), connection);
    assert_true(connection_release(connection, CONNECTION_IDLE));
    assert_false(connection_claim_for_event(connection, stale));
    assert_true(connection_claim_for_event(connection, connection_generation(connection)));
    connections_free(connections);
}

static void an_event_while_owned_keeps_the_owner_at_work(void **state)
{
    (void)state;
    struct connections *connections = connections_new(1, 0);
    struct connection *connection = open_one(connections);
    assert_false(connection_claim_for_event(connection, connection_generation(connection)));
    assert_false(connection_release(connection, CONNECTION_IDLE));
    assert_true(connection_release(connection, CONNECTION_IDLE));
    connections_free(connections);
}

static void a_claim_in_a_state_needs_that_state(void **state)
{
    (void)state;
    struct connections *connections = connections_new(1, 0);
    struct connection *connection = open_one(connections);
    assert_false(connection_claim_in(connection, CONNECTION_IDLE));
    assert_true(connection_release(connection, CONNECTION_WRITING));
    assert_false(connection_claim_in(connection, CONNECTION_IDLE));
    assert_true(connection_claim_in(connection, CONNECTION_WRITING));
    connections_free(connections);
}

#define RACERS 4
#define ROUNDS 50000

struct race {
    struct connection *connection;
    atomic_int owners;
    atomic_int events, looks; /* events sent; times an owner looked after one */
    long guarded;             /* by owning the connection: no atomic, so that TSan can tell */
};

static void *reach_for_it(void *argument)
{
    struct race *race = argument;
    uint32_t generation = connection_generation(race->connection);
    for (int i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&race->events, 1);
        if (!connection_claim_for_event(race->connection, generation))
            continue;
        assert_int_equal(atomic_fetch_add(&race->owners, 1), 0);
        do {
            race->guarded++;
            atomic_store(&race->looks, atomic_load(&race->events));
            atomic_fetch_sub(&race->owners, 1);
            /* From here on another may own it, if the release succeeds. */
            if (connection_release(race->connection, CONNECTION_IDLE))
                break;
            atomic_fetch_add(&race->owners, 1);
        } while (true);
    }
    return NULL;
}

static void of_many_threads_one_owns_and_no_event_is_missed(void **state)
{
    (void)state;
    struct connections *connections = connections_new(1, 0);
    struct race race = {.connection = open_one(connections)};
    assert_true(connection_release(race.connection, CONNECTION_IDLE));
    pthread_t threads[RACERS];
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reach_for_it, &race), 0);
    for (int i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    /* Whoever looked last looked after the last event had been counted. */
    assert_int_equal(atomic_load(&race.looks), RACERS * ROUNDS);
    assert_true(race.guarded > 0);
    connections_free(connections);
}

static void names_and_peers_are_written_as_people_write_them(void **state)
{
    (void)state;
    struct connections *connections = connections_new(2, 0);
    char text[CONNECTION_PEER_SIZE];
    struct connection *connection = open_one(connections);
    connection_peer(connection, text);
    assert_string_equal(text, "127.0.0.1:53212");
    connection_name(connection, text);
    assert_string_equal(text, "conn1");

    struct sockaddr_storage peer = {0};
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&peer;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(80);
    in6->sin6_addr = in6addr_loopback;
    connection_peer(connections_open(connections, 8, &peer), text);
    assert_string_equal(text, "[::1]:80");
    connections_free(connections);
}

static void lists_go_by_id_from_where_the_last_page_ended(void **state)
{
    (void)state;
    struct connections *connections = connections_new(10, 1);
    struct connection *opened[5];
    for (size_t i = 0; i < 5; i++)
        opened[i] = open_one(connections);
    connections_close(connections, opened[0]); /* slot 0 is free: conn6 takes it */
    connections_close(connections, opened[2]);
    open_one(connections);

    struct connection_view views[10];
    assert_int_equal(connections_list(connections, 0, views, 2), 2);
    assert_int_equal(views[0].id, 2);
    assert_int_equal(views[1].id, 4);
    assert_int_equal(connections_list(connections, 4, views, 10), 2);
    assert_int_equal(views[0].id, 5);
    assert_int_equal(views[1].id, 6);
    assert_string_equal(views[1].state, "running");
    assert_string_equal(views[1].peer, "127.0.0.1:53212");
    assert_int_equal(connections_list(connections, 6, views, 10), 0);
    connections_free(connections);
}

/* Short pages keep only some of what they find: slots whose ids fall, rise, and are mixed. */
static void pages_of_any_length_list_all_in_order(void **state)
{
    (void)state;
    enum { ALL = 300 };
    struct connections *connections = connections_new(ALL, 1);
    struct connection *opened[ALL];
    for (size_t i = 0; i < ALL; i++)
        opened[i] = open_one(connections);
    for (size_t i = 0; i < ALL; i += 3)
        connections_close(connections, opened[i]);
    for (size_t i = 0; i < ALL / 3; i++)
        open_one(connections);
    for (size_t limit = 1; limit <= 2 * ALL; limit = limit * 2 + 1) {
        struct connection_view views[2 * ALL + 1];
        uint64_t after = 0;
        size_t listed = 0;
        ssize_t count;
        while ((count = connections_list(connections, after, views, limit)) > 0) {
            for (ssize_t i = 0; i < count; after = views[i++].id)
                assert_true(views[i].id > after);
            listed += (size_t)count;
        }
        assert_int_equal(listed, ALL);
    }
    connections_free(connections);
}

struct churn {
    struct connections *connections;
    atomic_bool ended;
};

static void *open_and_close(void *argument)
{
    struct churn *churn = argument;
    for (int i = 0; i < ROUNDS; i++)
        connections_close(churn->connections, open_one(churn->connections));
    atomic_store(&churn->ended, true);
    return NULL;
}

static void a_list_made_meanwhile_shows_whole_lives_only(void **state)
{
    (void)state;
    struct churn churn = {.connections = connections_new(4, 0)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, open_and_close, &churn), 0);
    while (!atomic_load(&churn.ended)) {
        struct connection_view views[4];
        ssize_t count = connections_list(churn.connections, 0, views, 4);
        for (ssize_t i = 0; i < count; i++) {
            assert_true(views[i].id > 0);
            assert_string_equal(views[i].peer, "127.0.0.1:53212");
            assert_true(views[i].since > 1e9);
        }
    }
    pthread_join(thread, NULL);
    assert_true(connections_await_empty(churn.connections, 0));
    connections_free(churn.connections);
}

static void awaiting_emptiness_ends_with_the_last_connection_or_the_time(void **state)
{
    (void)state;
    struct connections *connections = connections_new(2, 0);
    struct connection *connection = open_one(connections);
    assert_false(connections_await_empty(connections, 1));
    connections_close(connections, connection);
    assert_true(connections_await_empty(connections, 1000));
    connections_free(connections);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(past_the_limit_connections_are_refused_then_not_even_that),
        cmocka_unit_test(totals_remember_the_most_that_were_open),
        cmocka_unit_test(an_event_of_an_earlier_life_finds_nobody),
        cmocka_unit_test(an_event_while_owned_keeps_the_owner_at_work),
        cmocka_unit_test(a_claim_in_a_state_needs_that_state),
        cmocka_unit_test(of_many_threads_one_owns_and_no_event_is_missed),
        cmocka_unit_test(names_and_peers_are_written_as_people_write_them),
        cmocka_unit_test(lists_go_by_id_from_where_the_last_page_ended),
        cmocka_unit_test(pages_of_any_length_list_all_in_order),
        cmocka_unit_test(a_list_made_meanwhile_shows_whole_lives_only),
        cmocka_unit_test(awaiting_emptiness_ends_with_the_last_connection_or_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
