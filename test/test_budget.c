/* Tests of core/budget: what fits, what does not, and that nothing gets lost between threads. */
#include "core/budget.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void shares_grow_up_to_the_maximum_together(void **state)
{
    (void)state;
    struct budget budget = {.max = 100};
    size_t one = 0, other = 0;
    assert_true(budget_set(&budget, &one, 60));
    assert_true(budget_set(&budget, &other, 40));
    assert_false(budget_set(&budget, &other, 41));
    assert_int_equal(other, 40);
    assert_true(budget_set(&budget, &one, 59));
    assert_true(budget_set(&budget, &other, 41));
}

static void a_share_that_does_not_grow_always_fits(void **state)
{
    (void)state;
    struct budget budget = {.max = 100};
    size_t one = 0;
    assert_true(budget_set(&budget, &one, 100));
    budget.max = 10;
    assert_true(budget_set(&budget, &one, 100));
    assert_true(budget_set(&budget, &one, 50));
    assert_false(budget_set(&budget, &one, 51));
    assert_true(budget_set(&budget, &one, 0));
    assert_int_equal(atomic_load(&budget.used), 0);
}

#define THREADS 4
#define ROUNDS  20000

static void *grow_and_shrink(void *argument)
{
    struct budget *budget = argument;
    size_t share = 0;
    for (size_t round = 0; round < ROUNDS; round++)
        if (!budget_set(budget, &share, round % 40))
            budget_set(budget, &share, 0);
    return (void *)(uintptr_t)!budget_set(budget, &share, 0);
}

static void nothing_is_lost_between_threads(void **state)
{
    (void)state;
    struct budget budget = {.max = 100};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, grow_and_shrink, &budget), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(atomic_load(&budget.used), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_grow_up_to_the_maximum_together),
        cmocka_unit_test(a_share_that_does_not_grow_always_fits),
        cmocka_unit_test(nothing_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
