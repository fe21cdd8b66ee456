/* SPDX-License-Identifier: Apache-2.0 */
/* How a test makes the n-th system call of a backend fail, through the backend's table of them. */
#ifndef TESTS_UNIT_PLATFORM_FAULTS_H
#define TESTS_UNIT_PLATFORM_FAULTS_H

#include <stdbool.h>

/* faults_install puts counting calls into the table, faults_remove the real ones back. */
void faults_install(void);
void faults_remove(void);

typedef enum fault_kind {
    FAULT_SHORTAGE, /* the reason that is usual for the call: no memory, no handle, no process */
    FAULT_INTERRUPT /* a signal came, on POSIX; on Windows no call is broken off so */
} fault_kind_t;

/* faults_arm makes the nth call of this thread from now (1 is the next) fail. faults_disarm ends that and tells whether a
 * call failed; its name and the platform's code for its reason are then set (0: no particular one). */
void faults_arm(unsigned nth, fault_kind_t kind);
bool faults_disarm(const char **out_name, int *out_code);

#endif
