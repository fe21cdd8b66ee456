/* SPDX-License-Identifier: Apache-2.0 */
/* The same program in C++: the headers offer it the same macros. */
#include "consumer.c"
