/*
 * fuzz: what the fuzzers share.
 *
 * A fuzzer's promise is an assert, which ends the run and leaves the input in a file. One process
 * runs millions of inputs one after the other, so each leaves everything as it found it.
 */
#ifndef LOOKOUT_TEST_FUZZ_H
#define LOOKOUT_TEST_FUZZ_H

#include <assert.h>
#include <sanitizer/asan_interface.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* One input frees little, so a small quarantine sees as much as the usual one, in half the time. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:malloc_context_size=5";
}

#endif
