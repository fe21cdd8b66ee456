/* SPDX-License-Identifier: Apache-2.0 */
/* number_repr.h: the shortest text of a double that reads back as the same double, in Python's form. */
#ifndef MPROC_SRC_NUMBER_REPR_H
#define MPROC_SRC_NUMBER_REPR_H

#define MPROC_DOUBLE_REPR_MAX 32

/* mproc_double_repr writes 0.1, 1e+16, -0.0, inf or nan; returns buf. The program's locale does not matter. */
const char *mproc_double_repr(double number, char buf[MPROC_DOUBLE_REPR_MAX]);

#endif
