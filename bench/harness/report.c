/* SPDX-License-Identifier: Apache-2.0 */
/* report.c: the table for people and the JSON for programs. */
#include <errno.h>
#include <string.h>

#include "harness.h"

static const char *rule_sign(bench_rule_t rule) {
    return rule == BENCH_RATIO_AT_MOST || rule == BENCH_OURS_AT_MOST ? "<=" : ">=";
}

static bool rule_is_of_ratio(bench_rule_t rule) {
    return rule == BENCH_RATIO_AT_MOST || rule == BENCH_RATIO_AT_LEAST;
}

/* ---- the table ----------------------------------------------------------------------------------------- */

/* A peer stands below its case, its figure under ours. */
static void print_peer(FILE *out, const bench_result_t *result, const bench_peer_result_t *peer) {
    if (peer->measured)
        (void)fprintf(out, "    %-30s %11.4g %s\n", peer->name, peer->value, result->which->unit);
    else
        (void)fprintf(out, "    %-30s     missing: %s\n", peer->name, peer->note);
}

static void print_figures(FILE *out, const bench_result_t *result) {
    const bench_case_t *which = result->which;
    char bound[48];
    (void)snprintf(bound, sizeof bound, "%s %.4g %s", rule_sign(which->rule), which->bound,
                   rule_is_of_ratio(which->rule) ? "x" : which->unit);
    (void)fprintf(out, "%-34s %11.4g %-6s %10.4g %9.4g  %-12s %s", which->name, result->ours, which->unit,
                  result->limit, result->ratio, bound, result->holds ? "yes" : "NO");
    if (result->others > BENCH_OTHERS_MAX)
        (void)fprintf(out, "  (others used %.0f %% of the machine)", result->others * 100);
    (void)fputc('\n', out);
}

void bench_print_table(FILE *out, const bench_result_t *results, size_t count) {
    (void)fprintf(out, "%-34s %11s %-6s %10s %9s  %-12s %s\n    peers\n", "name", "ours", "unit", "limit", "ratio",
                  "bound", "holds");
    for (size_t i = 0; i < count; i++) {
        const bench_result_t *result = &results[i];
        if (result->status == BENCH_OK)
            print_figures(out, result);
        else
            (void)fprintf(out, "%-34s %s: %s\n", result->which->name,
                          result->status == BENCH_SKIPPED ? "not measured here" : "FAILED TO RUN", result->note);
        for (size_t p = 0; p < result->peer_count; p++)
            print_peer(out, result, &result->peers[p]);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static void write_string(FILE *out, const char *text) {
    (void)fputc('"', out);
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '"' || byte == '\\')
            (void)fprintf(out, "\\%c", byte);
        else if (byte < 0x20)
            (void)fprintf(out, "\\u%04x", byte);
        else
            (void)fputc(byte, out);
    }
    (void)fputc('"', out);
}

/* A figure that was not measured is null. */
static void write_number(FILE *out, const char *key, bool known, double value) {
    if (known)
        (void)fprintf(out, ", \"%s\": %.6g", key, value);
    else
        (void)fprintf(out, ", \"%s\": null", key);
}

static void write_peers(FILE *out, const bench_result_t *result) {
    (void)fputs(", \"peers\": [", out);
    for (size_t i = 0; i < result->peer_count; i++) {
        const bench_peer_result_t *peer = &result->peers[i];
        (void)fputs(i == 0 ? "{\"name\": " : ", {\"name\": ", out);
        write_string(out, peer->name);
        write_number(out, "value", peer->measured, peer->value);
        (void)fputs(", \"missing\": ", out);
        if (peer->measured)
            (void)fputs("null", out);
        else
            write_string(out, peer->note);
        (void)fputc('}', out);
    }
    (void)fputc(']', out);
}

static void write_result(FILE *out, const bench_result_t *result) {
    const bench_case_t *which = result->which;
    bool known = result->status == BENCH_OK;
    (void)fputs("  {\"name\": ", out);
    write_string(out, which->name);
    write_number(out, "ours", known, result->ours);
    (void)fputs(", \"unit\": ", out);
    write_string(out, which->unit);
    write_number(out, "limit", known, result->limit);
    write_number(out, "ratio", known, result->ratio);
    write_number(out, "bound", true, which->bound);
    (void)fprintf(out, ", \"rule\": \"%s %s\"", rule_is_of_ratio(which->rule) ? "ratio" : "ours",
                  rule_sign(which->rule));
    (void)fprintf(out, ", \"holds\": %s", !known ? "null" : result->holds ? "true" : "false");
    write_number(out, "others", known, result->others);
    (void)fputs(", \"note\": ", out);
    write_string(out, result->note);
    write_peers(out, result);
    (void)fputc('}', out);
}

int bench_write_json(const char *path, const bench_result_t *results, size_t count) {
    FILE *out = fopen(path, "w");
    if (out == NULL)
        return bench_fail("cannot write %s: %s", path, strerror(errno));
    (void)fputs("[\n", out);
    for (size_t i = 0; i < count; i++) {
        write_result(out, &results[i]);
        (void)fputs(i + 1 < count ? ",\n" : "\n", out);
    }
    (void)fputs("]\n", out);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed)
        return bench_fail("cannot write %s: %s", path, strerror(errno));
    return BENCH_OK;
}
