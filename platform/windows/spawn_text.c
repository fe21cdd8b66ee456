/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_text.c: turns spawn options into what CreateProcess takes as text. Starts nothing. */
#include "spawn_text.h"

#include "link.h"
#include "platform/common/argv_quote.h"
#include "platform/common/env_block.h"
#include "syscalls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* CreateProcess's own limit is 32,767 with the final zero. */
enum { COMMAND_LINE_MAX = 32766 };

/* ---- directory and program --------------------------------------------------------------------------------------- */

static int make_directory(spawn_text_t *text, const char *directory) {
    if (directory == NULL)
        return 0;
    int err = mplat_wide_new(directory, &text->directory);
    if (err != 0)
        return err;
    /* CreateProcess says of a missing directory what it says of a missing program. */
    DWORD attributes = GetFileAttributesW(text->directory);
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return mplat_fail_last("set directory");
    return attributes & FILE_ATTRIBUTE_DIRECTORY ? 0 : mplat_fail_os(ERROR_DIRECTORY, "set directory");
}

static bool is_rooted(const wchar_t *path) {
    return path[0] == L'\\' || path[0] == L'/' || (path[0] != L'\0' && path[1] == L':');
}

/* The name without a directory in front would be searched for, first of all beside the parent's program. */
static const wchar_t *folder_of(const spawn_text_t *text, const wchar_t *program) {
    if (is_rooted(program))
        return L"";
    return text->directory != NULL ? text->directory : L".";
}

static int make_program(spawn_text_t *text, const char *program) {
    static const wchar_t extension[] = L".exe";
    wchar_t *name = NULL;
    if (program == NULL)
        return mplat_module_path_new(NULL, &text->program);
    if (*program == '\0')
        return mplat_fail_os(ERROR_FILE_NOT_FOUND, "find program");
    if (mplat_is_batch_file(program))
        return mplat_fail(MPLAT_ENOEXEC, "start a batch file, for which no arguments are safe");
    int err = mplat_wide_new(program, &name);
    if (err != 0)
        return err;

    const wchar_t *folder = folder_of(text, name);
    size_t size = wcslen(folder) + 1 + wcslen(name) + sizeof extension / sizeof extension[0];
    text->program = mplat_sys.calloc(size, sizeof *text->program);
    if (text->program == NULL) {
        err = mplat_fail(MPLAT_ENOMEM, "find program");
    } else {
        int length = swprintf(text->program, size, L"%ls%ls%ls", folder, *folder != L'\0' ? L"\\" : L"", name);
        /* "tool" means tool.exe to everybody, except to CreateProcess when it is told the program's path. */
        if (GetFileAttributesW(text->program) == INVALID_FILE_ATTRIBUTES)
            wmemcpy(text->program + length, extension, sizeof extension / sizeof extension[0]);
        DWORD attributes = GetFileAttributesW(text->program);
        if (attributes == INVALID_FILE_ATTRIBUTES)
            text->program[length] = L'\0';
        else if ((attributes & FILE_ATTRIBUTE_DIRECTORY) != 0)
            err = mplat_fail_os(ERROR_ACCESS_DENIED, "start a directory");
    }
    free(name);
    return err;
}

/* ---- command line ------------------------------------------------------------------------------------------------ */

static int make_command_line(spawn_text_t *text, const char *const *argv) {
    size_t size = 0;
    int err = mplat_argv_quote(argv, NULL, 0, &size);
    if (err != 0)
        return mplat_fail(err, "quote arguments");
    char *line = mplat_sys.calloc(size + 1, 1);
    if (line == NULL)
        return mplat_fail(MPLAT_ENOMEM, "quote arguments");
    mplat_argv_quote(argv, line, size + 1, &size);
    err = mplat_wide_new(line, &text->command_line);
    free(line);
    if (err == 0 && wcslen(text->command_line) > COMMAND_LINE_MAX)
        err = mplat_fail_os(ERROR_FILENAME_EXCED_RANGE, "command line");
    return err;
}

/* ---- environment ------------------------------------------------------------------------------------------------- */

/* set_wide adds an entry of this process's environment; what cannot be said in UTF-8, or is no "NAME=value", is left
 * out. */
static int set_wide(mplat_env_t *env, const wchar_t *entry) {
    size_t units = wcslen(entry), size = 3 * units + 1;
    char *utf8 = mplat_sys.calloc(size, 1);
    if (utf8 == NULL)
        return MPLAT_ENOMEM;
    int err = mplat_wide_to_utf8(entry, units, utf8, size);
    if (err == 0 && mplat_env_entry_valid(utf8))
        err = mplat_env_set(env, utf8);
    free(utf8);
    return err == MPLAT_ENOMEM ? err : 0;
}

static bool is_system_root(const wchar_t *entry) {
    return _wcsnicmp(entry, L"SYSTEMROOT=", 11) == 0;
}

/* inherit adds this process's environment to env, or SYSTEMROOT alone, without which many programs cannot start. */
static int inherit(mplat_env_t *env, bool system_root_alone) {
    int err = 0;
    wchar_t *block = GetEnvironmentStringsW();
    if (block == NULL)
        return MPLAT_ENOMEM;
    for (const wchar_t *entry = block; err == 0 && *entry != L'\0'; entry += wcslen(entry) + 1)
        if (!system_root_alone || is_system_root(entry))
            err = set_wide(env, entry);
    FreeEnvironmentStringsW(block);
    return err;
}

static int set_marker(mplat_env_t *env, const char *marker) {
    char entry[MPLAT_LINK_MARKER_SIZE + 16];
    mplat_env_remove(env, "MPROC_LINK");
    if (marker == NULL)
        return 0;
    snprintf(entry, sizeof entry, "MPROC_LINK=%s", marker);
    return mplat_env_set(env, entry);
}

static int make_block(spawn_text_t *text, const mplat_env_t *env) {
    size_t count = 0;
    int err = mplat_env_block_utf16(env, NULL, 0, &count);
    if (err != 0)
        return err;
    text->environment = mplat_sys.calloc(count, sizeof *text->environment);
    if (text->environment == NULL)
        return MPLAT_ENOMEM;
    return mplat_env_block_utf16(env, (uint16_t *)text->environment, count, &count);
}

static int make_environment(spawn_text_t *text, const mplat_spawn_options_t *options, const char *marker) {
    mplat_env_t env;
    const char *const *given = options->environment;
    bool replaced = given != NULL && !options->environment_changes;
    mplat_env_init(&env, true);
    int err = inherit(&env, replaced);
    if (err == 0)
        err = (replaced ? mplat_env_extend : mplat_env_change)(&env, given);
    if (err == 0)
        err = set_marker(&env, marker);
    if (err == 0)
        err = make_block(text, &env);
    mplat_env_fini(&env);
    return err == 0 ? 0 : mplat_fail(err, "make environment");
}

/* ------------------------------------------------------------------------------------------------------------------ */

int mplat_spawn_text_init(spawn_text_t *text, const mplat_spawn_options_t *options, const char *marker) {
    *text = (spawn_text_t){NULL, NULL, NULL, NULL};
    int err = make_directory(text, options->directory);
    if (err == 0)
        err = make_program(text, options->program);
    if (err == 0)
        err = make_command_line(text, options->argv);
    if (err == 0)
        err = make_environment(text, options, marker);
    return err;
}

void mplat_spawn_text_fini(spawn_text_t *text) {
    free(text->program);
    free(text->command_line);
    free(text->environment);
    free(text->directory);
    *text = (spawn_text_t){NULL, NULL, NULL, NULL};
}
