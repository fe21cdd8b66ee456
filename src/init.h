/* SPDX-License-Identifier: Apache-2.0 */
/* init.h: what the rest of the library asks about the program it runs in. */
#ifndef MPROC_SRC_INIT_H
#define MPROC_SRC_INIT_H

#include <stdbool.h>

/* mproc_program_check tells whether processes and pools may be made here: MPROC_ESTATE before mproc_init, once the program
 * is ending, and in a copy that somebody made of it with fork(). */
int mproc_program_check(void);

/* mproc_program_is_copy tells whether fork() made this process from one in which mproc_init ran. */
bool mproc_program_is_copy(void);

#endif
