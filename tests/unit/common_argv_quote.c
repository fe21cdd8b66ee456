/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about the Windows command line, checked against a parser written from Microsoft's description of the rules. */
#include "platform/common/argv_quote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "tests/support/test.h"

enum { LINE_MAX_SIZE = 4096, ARGS_MAX = 16 };

/* What the C run-time makes of a command line. The program's name: quotes toggle, backslashes are themselves. */
static const char *parse_program(const char *line, char *out) {
    bool quoted = false;
    for (; *line != '\0' && (quoted || (*line != ' ' && *line != '\t')); line++) {
        if (*line == '"')
            quoted = !quoted;
        else
            *out++ = *line;
    }
    *out = '\0';
    return line;
}

/* The rest: 2n backslashes and a quote are n backslashes and a toggle; 2n + 1 are n and a quote; others are themselves. */
static const char *parse_argument(const char *line, char *out) {
    bool quoted = false;
    while (*line != '\0' && (quoted || (*line != ' ' && *line != '\t'))) {
        size_t backslashes = strspn(line, "\\");
        line += backslashes;
        bool before_quote = *line == '"';
        for (size_t i = before_quote ? backslashes / 2 : backslashes; i > 0; i--)
            *out++ = '\\';
        if (before_quote) {
            if (backslashes % 2 != 0) {
                *out++ = '"';
            } else if (quoted && line[1] == '"') {
                *out++ = '"';
                line++;
            } else {
                quoted = !quoted;
            }
            line++;
        } else if (backslashes == 0) {
            *out++ = *line++;
        }
    }
    *out = '\0';
    return line;
}

static int parse(const char *line, char args[ARGS_MAX][LINE_MAX_SIZE]) {
    line = parse_program(line, args[0]);
    int count = 1;
    for (line += strspn(line, " \t"); *line != '\0'; line += strspn(line, " \t"))
        line = parse_argument(line, args[count++]);
    return count;
}

static const char *quote(const char *const *argv) {
    static char line[LINE_MAX_SIZE];
    size_t length = 0;
    REQUIRE_EQ_INT(mplat_argv_quote(argv, line, sizeof line, &length), 0);
    CHECK_EQ_UINT(length, strlen(line));
    return line;
}

static void check_round_trip(const char *const *argv) {
    static char args[ARGS_MAX][LINE_MAX_SIZE];
    int expected = 0;
    while (argv[expected] != NULL)
        expected++;
    const char *line = quote(argv);
    int count = parse(line, args);
    if (count != expected) {
        FAIL("%d arguments became %d in: %s", expected, count, line);
        return;
    }
    for (int i = 0; i < count; i++)
        if (strcmp(args[i], argv[i]) != 0)
            FAIL("argument %d, <%s>, became <%s> in: %s", i, argv[i], args[i], line);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

TEST(argv_quote, plain_words_stay_as_they_are) {
    CHECK_EQ_STR(quote(LIST("program.exe", "-a", "b=c", "d\\e", "\\\\host\\share\\")),
                 "program.exe -a b=c d\\e \\\\host\\share\\");
}

TEST(argv_quote, empty_and_split_arguments_are_quoted) {
    CHECK_EQ_STR(quote(LIST("p", "", "a b", "a\tb", "a\nb")), "p \"\" \"a b\" \"a\tb\" \"a\nb\"");
}

TEST(argv_quote, file_patterns_are_quoted) {
    CHECK_EQ_STR(quote(LIST("p", "*.c", "a?")), "p \"*.c\" \"a?\"");
}

TEST(argv_quote, backslashes_double_only_before_a_quote) {
    CHECK_EQ_STR(quote(LIST("p", "a\\\\b c", "c d\\", "\"", "\\\"", "e\\\\\"f")),
                 "p \"a\\\\b c\" \"c d\\\\\" \"\\\"\" \"\\\\\\\"\" \"e\\\\\\\\\\\"f\"");
}

TEST(argv_quote, program_name_follows_its_own_rule) {
    CHECK_EQ_STR(quote(LIST("C:\\Program Files\\x\\", "y")), "\"C:\\Program Files\\x\\\" y");
    check_round_trip(LIST("C:\\Program Files\\x\\", "y z"));
    check_round_trip(LIST("", "y"));
}

TEST(argv_quote, program_name_with_a_quote_is_refused) {
    size_t size = 7;
    CHECK_EQ_INT(mplat_argv_quote(LIST("a\"b"), NULL, 0, &size), MPLAT_EINVAL);
    CHECK_EQ_UINT(size, 0);
}

TEST(argv_quote, empty_argv_is_refused) {
    const char *const none[] = {NULL};
    size_t size;
    CHECK_EQ_INT(mplat_argv_quote(none, NULL, 0, &size), MPLAT_EINVAL);
    CHECK_EQ_INT(mplat_argv_quote(NULL, NULL, 0, &size), MPLAT_EINVAL);
}

TEST(argv_quote, measuring_gives_the_size_that_writing_needs) {
    const char *const *argv = LIST("a b", "c\\\"", "", "d");
    size_t measured, written;
    char line[64];
    REQUIRE_EQ_INT(mplat_argv_quote(argv, NULL, 0, &measured), 0);
    CHECK_EQ_INT(mplat_argv_quote(argv, line, measured + 1, &written), 0);
    CHECK_EQ_UINT(written, measured);
    CHECK_EQ_UINT(strlen(line), measured);
    for (size_t size = 0; size <= measured; size++) {
        memset(line, '#', sizeof line);
        CHECK_EQ_INT(mplat_argv_quote(argv, line, size, &written), MPLAT_ETOOBIG);
        CHECK_EQ_UINT(written, 0);
        CHECK_EQ_INT(line[size], '#');
    }
}

TEST(argv_quote, hard_arguments_round_trip) {
    check_round_trip(
        LIST("p", "", "", "\"", "\"\"", "\\", "\\\\", "\\\"", "\"\\", " ", "a\"b c\\\\\"", "\xC3\xA4\xE2\x82\xAC"));
}

TEST(argv_quote, forty_thousand_random_arguments_round_trip) {
    static const char letters[] = "\\\\\\\\\"\"\"  \t\na*?'$%^&|<>x";
    uint32_t state = 12345;
    for (int round = 0; round < 10000; round++) {
        char args[4][16];
        for (size_t i = 0; i < 4; i++) {
            state = state * 1664525u + 1013904223u;
            size_t length = (state >> 24) % sizeof args[0];
            for (size_t j = 0; j < length; j++) {
                state = state * 1664525u + 1013904223u;
                args[i][j] = letters[(state >> 16) % (sizeof letters - 1)];
            }
            args[i][length] = '\0';
        }
        check_round_trip(LIST("program", args[0], args[1], args[2], args[3]));
    }
}

TEST(argv_quote, thirty_thousand_characters_are_quoted_whole) {
    enum { LENGTH = 30000 };
    char *argument = malloc(LENGTH + 1), *line = malloc(LENGTH * 2 + 8);
    REQUIRE(argument != NULL && line != NULL);
    memset(argument, '"', LENGTH);
    argument[LENGTH] = '\0';
    size_t size;
    CHECK_EQ_INT(mplat_argv_quote(LIST("p", argument), line, LENGTH * 2 + 8, &size), 0);
    CHECK_EQ_UINT(size, 2 * LENGTH + 4);
    free(argument);
    free(line);
}

TEST(argv_quote, batch_files_are_recognised) {
    static const char *const batch[] = {"a.bat",  "a.cmd",       "A.BAT", "a.Cmd",       "a.bat.",
                                        "a.bat ", "a.cmd. . ..", ".bat",  "C:\\x\\y.bat"};
    for (size_t i = 0; i < sizeof batch / sizeof *batch; i++)
        if (!mplat_is_batch_file(batch[i]))
            FAIL("<%s> is a batch file", batch[i]);
}

TEST(argv_quote, other_files_are_no_batch_files) {
    static const char *const other[] = {"",          ".",        "...",  "a.exe", "bat",   "cmd",
                                        "a.bat.exe", "a.bat\\x", "abat", "a.ba",  "a.bats"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (mplat_is_batch_file(other[i]))
            FAIL("<%s> is no batch file", other[i]);
}
