/* fixture: for tests that call through a registry: one of it, and one caller, for each test. */
#ifndef LOOKOUT_TEST_FIXTURE_H
#define LOOKOUT_TEST_FIXTURE_H

#include "core/connections.h"
#include "core/options.h"
#include "core/registry.h"
#include <stdlib.h>

static const struct options no_options;

struct fixture {
    struct registry *registry;
    struct connection connection;
    struct call call;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->registry = registry_new(&no_options);
    fixture->call.connection = &fixture->connection;
    fixture->call.stats = registry_stats_new(fixture->registry);
    *state = fixture;
    return fixture->call.stats ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    registry_free(fixture->registry);
    free(fixture);
    return 0;
}

#endif
