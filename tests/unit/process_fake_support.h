/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of processes on the scripted platform share. */
#ifndef TESTS_UNIT_PROCESS_FAKE_SUPPORT_H
#define TESTS_UNIT_PROCESS_FAKE_SUPPORT_H

#include "platform/fake/fake.h"
#include "process_inbox.h"
#include "test.h"

#include <mproc/mproc.h>

#define MS INT64_C(1000000)

/* begin forgets what was before; finish checks that nothing is left open or taken. */
void begin(void);
void finish(void);

MPROC_TASK_DECLARE(fake_task);

/* start makes and starts a process, whose child does these steps (NULL: stays). */
mproc_process_t *start(mproc_process_options_t options, const fake_step_t *steps);

/* error_of gives the report of a process that must have one. */
const mproc_error_t *error_of(mproc_process_t *process);

/* A message of a child. */
typedef struct wire {
    mproc_message_header_t header;
    unsigned char bytes[16];
} wire_t;

#define WIRE(type_, kind_, size_, ...)                                                                                 \
    {                                                                                                                  \
        {(type_), (kind_), (size_)}, {                                                                                 \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define WIRE_SIZE(bytes_) (sizeof(mproc_message_header_t) + (bytes_))

extern const wire_t answer, begun;  /* 42 as its result; its first word */
extern const fake_step_t answers[]; /* a child that gives 42 */
extern const fake_step_t leaves[];  /* a child that begins and ends */

/* check_answer checks that a process has given 42. */
void check_answer(mproc_process_t *process);

#endif
