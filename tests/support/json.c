/* SPDX-License-Identifier: Apache-2.0 */
/* json.c: a recursive descent over the grammar of RFC 8259. */
#include "json.h"

#include <string.h>

#define DEPTH_MOST 32

typedef struct cursor {
    const unsigned char *at, *end;
    int depth;
} cursor_t;

static bool value(cursor_t *c);

static bool is_at(const cursor_t *c, char expected) {
    return c->at < c->end && *c->at == (unsigned char)expected;
}

static bool take(cursor_t *c, char expected) {
    bool taken = is_at(c, expected);
    c->at += taken ? 1 : 0;
    return taken;
}

static void skip_space(cursor_t *c) {
    while (c->at < c->end && strchr(" \t\n\r", *c->at) != NULL && *c->at != 0)
        c->at++;
}

static bool is_digit(const cursor_t *c) {
    return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

static bool digits(cursor_t *c) {
    bool any = is_digit(c);
    while (is_digit(c))
        c->at++;
    return any;
}

static bool number(cursor_t *c) {
    (void)take(c, '-');
    if (!take(c, '0') && !digits(c))
        return false;
    if (take(c, '.') && !digits(c))
        return false;
    if (!is_at(c, 'e') && !is_at(c, 'E'))
        return true;
    c->at++;
    if (!take(c, '+'))
        (void)take(c, '-');
    return digits(c);
}

static bool word(cursor_t *c, const char *text) {
    for (; *text != '\0'; text++) {
        if (!take(c, *text))
            return false;
    }
    return true;
}

static bool escape(cursor_t *c) {
    if (!take(c, 'u')) {
        bool known = c->at < c->end && *c->at != 0 && strchr("\"\\/bfnrt", *c->at) != NULL;
        c->at += known ? 1 : 0;
        return known;
    }
    for (int i = 0; i < 4; i++, c->at++) {
        if (c->at >= c->end || *c->at == 0 || strchr("0123456789abcdefABCDEF", *c->at) == NULL)
            return false;
    }
    return true;
}

/* A character beyond ASCII: no overlong form, no surrogate, nothing beyond U+10FFFF. */
static bool character(cursor_t *c) {
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned lead = *c->at++;
    unsigned size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    unsigned code = lead & (0xffu >> (size + 1));
    if (lead < 0xc0 || lead >= 0xf8)
        return false;
    for (unsigned i = 1; i < size; i++, c->at++) {
        if (c->at >= c->end || (*c->at & 0xc0) != 0x80)
            return false;
        code = code << 6 | (*c->at & 0x3fu);
    }
    return code >= least[size] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static bool string(cursor_t *c) {
    if (!take(c, '"'))
        return false;
    while (c->at < c->end && *c->at != '"') {
        bool good = *c->at >= 0x20;
        if (good && *c->at >= 0x80)
            good = character(c);
        else if (good && *c->at++ == '\\')
            good = escape(c);
        if (!good)
            return false;
    }
    return take(c, '"');
}

static bool member(cursor_t *c, bool named) {
    if (!named)
        return value(c);
    skip_space(c);
    if (!string(c))
        return false;
    skip_space(c);
    return take(c, ':') && value(c);
}

static bool members(cursor_t *c, char last, bool named) {
    skip_space(c);
    if (take(c, last))
        return true;
    do {
        if (!member(c, named))
            return false;
        skip_space(c);
    } while (take(c, ','));
    return take(c, last);
}

static bool value(cursor_t *c) {
    bool good;
    skip_space(c);
    if (c->at >= c->end || ++c->depth > DEPTH_MOST)
        return false;
    if (take(c, '{'))
        good = members(c, '}', true);
    else if (take(c, '['))
        good = members(c, ']', false);
    else if (*c->at == '"')
        good = string(c);
    else
        good = *c->at == 't'   ? word(c, "true")
               : *c->at == 'f' ? word(c, "false")
               : *c->at == 'n' ? word(c, "null")
                               : number(c);
    c->depth--;
    return good;
}

bool json_valid(const char *text, size_t size, size_t *out_at) {
    const unsigned char *begin = (const unsigned char *)text;
    cursor_t c = {begin, begin + size, 0};
    bool good = value(&c);
    skip_space(&c);
    *out_at = (size_t)(c.at - begin);
    return good && c.at == c.end;
}
