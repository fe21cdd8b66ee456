/* SPDX-License-Identifier: Apache-2.0 */
/* peers.c: runs the other libraries. What cannot be run is reported with its reason, never left out. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "posix/child.h"

#ifndef BENCH_PEERS_SOURCE_DIR
#error "BENCH_PEERS_SOURCE_DIR: the folder of the peers' scripts"
#endif
#ifndef BENCH_PEERS_BINARY_DIR
#error "BENCH_PEERS_BINARY_DIR: the folder of the peers' programs and of node's modules"
#endif

enum { PEER_ARGV_MAX = BENCH_PEER_ARGS_MAX + 3, PEER_TIMEOUT_MS = 90000 };

/* The interpreter in front of the file; NULL for a program. Debian's Python, because Debian's joblib
 * belongs to it. */
static const char *interpreter(bench_runner_t runner) {
    const char *python = getenv("MPROC_BENCH_PYTHON");
    switch (runner) {
    case BENCH_PYTHON:
        return python != NULL ? python : "/usr/bin/python3";
    case BENCH_NODE:
        return "node";
    case BENCH_SHELL:
        return "sh";
    case BENCH_PROGRAM:
        break;
    }
    return NULL;
}

static void build_argv(const bench_peer_t *peer, char *path, size_t path_size, const char **argv) {
    const char *folder = peer->runner == BENCH_PROGRAM ? BENCH_PEERS_BINARY_DIR : BENCH_PEERS_SOURCE_DIR;
    size_t count = 0;
    (void)snprintf(path, path_size, "%s/%s", folder, peer->file);
    if (interpreter(peer->runner) != NULL)
        argv[count++] = interpreter(peer->runner);
    argv[count++] = path;
    for (size_t i = 0; i < BENCH_PEER_ARGS_MAX && peer->args[i] != NULL; i++)
        argv[count++] = peer->args[i];
    argv[count] = NULL;
}

static char *last_line(char *text) {
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    char *line = strrchr(text, '\n');
    return line != NULL ? line + 1 : text;
}

static void run_peer(const bench_peer_t *peer, bench_peer_result_t *result) {
    static const char missing[] = "missing: ";
    char path[4096], output[8192];
    const char *argv[PEER_ARGV_MAX];
    build_argv(peer, path, sizeof path, argv);
    int status = child_output(argv, PEER_TIMEOUT_MS, output, sizeof output);
    char *line = last_line(output), *end = line;
    result->name = peer->name;
    if (status == 0 && strncmp(line, missing, sizeof missing - 1) != 0) {
        result->value = strtod(line, &end);
        result->measured = end != line && *end == '\0';
    }
    if (result->measured)
        return;
    if (status < 0)
        (void)snprintf(result->note, sizeof result->note, "%s", bench_reason());
    else if (status == 0 && strncmp(line, missing, sizeof missing - 1) == 0)
        (void)snprintf(result->note, sizeof result->note, "%.*s", (int)sizeof result->note - 1,
                       line + sizeof missing - 1);
    else if (status == 127)
        (void)snprintf(result->note, sizeof result->note, "%.*s is not installed", 100, argv[0]);
    else
        (void)snprintf(result->note, sizeof result->note, "exit status %d, last line \"%.100s\"", status, line);
}

void bench_run_peers(bench_result_t *result) {
    const bench_case_t *which = result->which;
    (void)setenv("MPROC_BENCH_PROGRAM", child_self_path(), 1);
    (void)setenv("NODE_PATH", BENCH_PEERS_BINARY_DIR "/node_modules", 1);
    for (size_t i = 0; i < BENCH_PEERS_MAX && which->peers[i].name != NULL; i++)
        run_peer(&which->peers[i], &result->peers[result->peer_count++]);
}
