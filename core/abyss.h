/*
 * abyss: one worker's Abyss server, run over one request at a time.
 *
 * The request comes whole, its head judged; the response is gathered in memory. So Abyss
 * never waits for a client, and never sees a byte of HTTP that a client chose. An abyss belongs to
 * one thread.
 */
#ifndef LOOKOUT_ABYSS_H
#define LOOKOUT_ABYSS_H

#include "core/call.h"
#include "core/request.h"
#include "core/text.h"

struct abyss;

/*
 * 0; or -1, having logged that the library at run time is not the release that this program was
 * built for, or none that it was tested with: what is used of it is declared in no header.
 */
int abyss_check_release(void);

/* Prepares the library: once, before any thread. 0; or -1, having logged why not. */
int abyss_start(const struct options *options);
void abyss_stop(void);

/* A server for one worker, calling the methods of `registry`. NULL when memory is lacking. */
struct abyss *abyss_new(const struct registry *registry, const struct options *options);
void abyss_free(struct abyss *abyss);

/*
 * Runs the complete `request` whose bytes start at `bytes`, as the call `call`, and appends the
 * whole HTTP response to `response`. `keep_alive`: what it says of the connection. What is appended
 * for a call that pauses is to be thrown away. -1: no response could be made.
 */
int abyss_run(struct abyss *abyss, const struct request *request, const char *bytes,
              struct call *call, bool keep_alive, struct text *response);

/*
 * Appends the response that takes the place of one whose events could not be recorded, for this
 * `reason`: a fault.
 */
int abyss_refuse(struct abyss *abyss, struct call *call, const char *reason, bool keep_alive,
                 struct text *response);

#endif
