/* SPDX-License-Identifier: Apache-2.0 */
/* mproc.h: all of mproc. Run functions in other processes, on Linux and Windows, and never lose control of them. */
#ifndef MPROC_MPROC_H
#define MPROC_MPROC_H

#include <mproc/args.h>
#include <mproc/error.h>
#include <mproc/pool.h>
#include <mproc/process.h>
#include <mproc/task.h>
#include <mproc/version.h>

#endif
