/* catalogue: the requests that the fuzzer of the gate sends. */
#ifndef LOOKOUT_TEST_CATALOGUE_H
#define LOOKOUT_TEST_CATALOGUE_H

#include "core/text.h"

#define CATALOGUE_SIZE 25

/* Appends the request `which`. Who waits in it waits for events after the id `last`. */
void catalogue_add(struct text *out, unsigned which, uint64_t last);

#endif
