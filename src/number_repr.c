/* SPDX-License-Identifier: Apache-2.0 */
/* number_repr.c: finds the digits by printing and reading back. Slow beside the known algorithms, but a page long,
 * and only messages and tests print values. */
#include "number_repr.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define PRINTED_MAX 64

/* A decimal number 0.d1d2d3… * 10^point. */
typedef struct decimal {
    char digits[24];
    int count;
    int point;
} decimal_t;

/* Adds one to the last digit of d.ddde±xx; false when that would make it longer. */
static bool step_up(char *printed) {
    for (char *at = strchr(printed, 'e'); at-- > printed;) {
        if (*at >= '0' && *at < '9') {
            ++*at;
            return true;
        }
        if (*at == '9')
            *at = '0';
    }
    return false;
}

/* Prints a positive number with so many digits; false when they do not read back as the same number. */
static bool print_digits(double number, int digits, char *printed) {
    (void)snprintf(printed, PRINTED_MAX, "%.*e", digits - 1, number);
    if (strtod(printed, NULL) == number)
        return true;
    /* Below a power of two doubles lie closer than above: the nearest decimal may be too far below it, while the next
     * one above still is the same number. */
    int exponent;
    return frexp(number, &exponent) == 0.5 && step_up(printed) && strtod(printed, NULL) == number;
}

/* Fifteen digits hold any shorter decimal, with zeros behind; only numbers below the normal ones can need fewer and
 * differ. */
static decimal_t shortest(double number) {
    char printed[PRINTED_MAX];
    int digits = number < DBL_MIN ? 1 : DBL_DIG;
    while (!print_digits(number, digits, printed) && digits < DBL_DECIMAL_DIG)
        digits++;
    decimal_t decimal = {{0}, 0, 0};
    const char *at = printed;
    for (; *at != 'e'; at++) { /* the decimal point is the locale's: whatever is no digit */
        if (*at >= '0' && *at <= '9')
            decimal.digits[decimal.count++] = *at;
    }
    while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0')
        decimal.count--;
    decimal.point = (int)strtol(at + 1, NULL, 10) + 1;
    return decimal;
}

static void write_exponent(mproc_text_t *text, const decimal_t *decimal) {
    mproc_text_add(text, decimal->digits, 1);
    if (decimal->count > 1) {
        mproc_text_add(text, ".", 1);
        mproc_text_add(text, decimal->digits + 1, (size_t)decimal->count - 1);
    }
    mproc_text_print(text, "e%+03d", decimal->point - 1);
}

static void write_plain(mproc_text_t *text, const decimal_t *decimal) {
    int whole = decimal->point > 0 ? decimal->point : 0;
    int known = whole < decimal->count ? whole : decimal->count;
    if (whole == 0)
        mproc_text_add(text, "0", 1);
    mproc_text_add(text, decimal->digits, (size_t)known);
    for (int i = known; i < whole; i++)
        mproc_text_add(text, "0", 1);
    mproc_text_add(text, ".", 1);
    for (int i = decimal->point; i < 0; i++)
        mproc_text_add(text, "0", 1);
    if (known < decimal->count)
        mproc_text_add(text, decimal->digits + known, (size_t)(decimal->count - known));
    else
        mproc_text_add(text, "0", 1);
}

const char *mproc_double_repr(double number, char buf[MPROC_DOUBLE_REPR_MAX]) {
    mproc_text_t text;
    mproc_text_init(&text, buf, MPROC_DOUBLE_REPR_MAX);
    if (number != number) { /* isnan and its like: mingw's macros do not pass our warnings */
        mproc_text_add(&text, "nan", 3);
        return buf;
    }
    if (copysign(1.0, number) < 0.0)
        mproc_text_add(&text, "-", 1);
    if (fabs(number) > DBL_MAX) {
        mproc_text_add(&text, "inf", 3);
        return buf;
    }
    decimal_t decimal = {"0", 1, 1};
    if (number != 0.0)
        decimal = shortest(fabs(number));
    if (decimal.point <= -4 || decimal.point > 16)
        write_exponent(&text, &decimal);
    else
        write_plain(&text, &decimal);
    return buf;
}
