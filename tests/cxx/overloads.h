/* SPDX-License-Identifier: Apache-2.0 */
/* What overloads.cpp builds with the C++ forms of the macros, for the C tests beside it. */
#ifndef TESTS_CXX_OVERLOADS_H
#define TESTS_CXX_OVERLOADS_H

#include <mproc/args.h>
#include <mproc/task.h>

MPROC_BEGIN_DECLS

/* Takes arguments as a library function does: they live until it returns. */
typedef void take_args_fn(const mproc_args_t *args, void *context);

void cxx_every_type(take_args_fn *take, void *context);
void cxx_nested(take_args_fn *take, void *context);
void cxx_kept_in_variables(take_args_fn *take, void *context);
void cxx_value(const mproc_value_t *value, take_args_fn *take, void *context);

MPROC_TASK_DECLARE(cxx_area);
MPROC_TASK_DECLARE(cxx_refuse);

MPROC_END_DECLS

#endif
