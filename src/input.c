/* SPDX-License-Identifier: Apache-2.0 */
/* input.c: encodes what a user gives to a task. */
#include "input.h"

#include "encode.h"
#include "memory.h"
#include "report.h"

#include <string.h>

/* ---- one call --------------------------------------------------------------------------------------------------------- */

static void *grow_scratch(void *context, void *data, size_t used, size_t *capacity) {
    mproc_scratch_t *scratch = context;
    if (data == NULL && *capacity <= MPROC_SCRATCH_SIZE) {
        *capacity = MPROC_SCRATCH_SIZE;
        return scratch->room;
    }
    size_t size = *capacity < SIZE_MAX / 2 ? *capacity * 2 : *capacity;
    void *heap = mproc_realloc(scratch->heap, size);
    if (heap == NULL)
        return NULL;
    if (scratch->heap == NULL && used > 0)
        memcpy(heap, scratch->room, used);
    scratch->heap = heap;
    *capacity = size;
    return heap;
}

int mproc_scratch_encode(mproc_scratch_t *scratch, const mproc_args_t *args) {
    scratch->heap = NULL;
    scratch->source = (mproc_buffer_source_t){grow_scratch, scratch};
    mproc_buffer_init(&scratch->buffer, &scratch->source);
    return args == NULL || args->count == 0 ? MPROC_OK : mproc_encode_args(args, &scratch->buffer);
}

void mproc_scratch_fini(mproc_scratch_t *scratch) {
    mproc_free(scratch->heap);
    scratch->heap = NULL;
}

/* ---- many items ------------------------------------------------------------------------------------------------------- */

static int append_list(mproc_buffer_t *buffer, const mproc_args_t *args, bool star, int64_t index) {
    size_t before = buffer->size;
    uint32_t size = 0;
    if (!star && (args == NULL || args->count != 1 || args->items[0].name != NULL))
        return mproc_fail(MPROC_EINVAL,
                          "Item %lld is a list of %zu arguments, and map takes one positional value an item: use "
                          "starmap for argument lists",
                          (long long)index, args == NULL ? (size_t)0 : args->count);
    if (mproc_buffer_extend(buffer, sizeof size) == NULL)
        return mproc_fail_memory("the items of a map");
    if (args != NULL && args->count > 0) {
        int err = mproc_encode_args(args, buffer);
        if (err != MPROC_OK)
            return err;
    }
    if (buffer->size - before - sizeof size > UINT32_MAX)
        return mproc_fail(MPROC_ETOOBIG, "The arguments of item %lld take 4 GiB or more", (long long)index);
    size = (uint32_t)(buffer->size - before - sizeof size);
    memcpy(buffer->data + before, &size, sizeof size);
    return MPROC_OK;
}

static int encode_lists(mproc_source_t *source, const mproc_input_t *input) {
    const mproc_args_t *const *lists = input->data;
    mproc_buffer_t buffer;
    int err = MPROC_OK;
    mproc_buffer_init(&buffer, NULL);
    for (size_t i = 0; i < input->count && err == MPROC_OK; i++)
        err = append_list(&buffer, lists[i], source->star, (int64_t)i);
    if (err == MPROC_OK)
        source->lists = mproc_buffer_take(&buffer, &source->lists_size);
    mproc_buffer_fini(&buffer);
    return err;
}

static int check_input(const mproc_input_t *input, bool star) {
    if (input->kind == MPROC_INPUT_PULL)
        return input->pull != NULL ? MPROC_OK : mproc_fail(MPROC_EINVAL, "The input has no pull function");
    if (input->kind != MPROC_INPUT_ARRAY && input->kind != MPROC_INPUT_ARGS)
        return mproc_fail(MPROC_EINVAL,
                          "The input is of no known kind (%d): make it with MPROC_ARRAY, MPROC_ARGLISTS or MPROC_PULL",
                          (int)input->kind);
    if (input->count > 0 && input->data == NULL)
        return mproc_fail(MPROC_EINVAL, "The input has %zu items but no data", input->count);
    if (input->count > INT64_MAX / 2)
        return mproc_fail(MPROC_EINVAL, "The input has more items than there can be (%zu)", input->count);
    if (input->kind == MPROC_INPUT_ARGS)
        return MPROC_OK;
    if (star)
        return mproc_fail(MPROC_EINVAL, "starmap takes argument lists; for an array of plain elements use map");
    if (input->item_size == 0 || input->item_size > UINT32_MAX ||
        (input->count > 0 && input->item_size > SIZE_MAX / input->count))
        return mproc_fail(MPROC_EINVAL, "The input's elements cannot have a size of %zu bytes", input->item_size);
    return MPROC_OK;
}

int mproc_source_open(mproc_source_t *source, const mproc_input_t *input, bool star) {
    *source = (mproc_source_t){.kind = input->kind, .star = star};
    int err = check_input(input, star);
    if (err != MPROC_OK)
        return err;
    if (input->kind == MPROC_INPUT_PULL) {
        source->count = INT64_MAX;
        source->pull = input->pull;
        source->context = input->context;
        return MPROC_OK;
    }
    source->count = (int64_t)input->count;
    if (input->kind == MPROC_INPUT_ARGS)
        return encode_lists(source, input);
    source->items = input->data;
    source->item_size = input->item_size;
    return MPROC_OK;
}

int mproc_source_pull(const mproc_source_t *source, int64_t index, size_t count, mproc_buffer_t *buffer,
                      size_t *out_count) {
    *out_count = 0;
    while (*out_count < count) {
        mproc_args_t args = {0, NULL};
        int64_t item = index + (int64_t)*out_count;
        int err = source->pull(source->context, item, &args);
        if (err != MPROC_OK) {
            if (err != MPROC_EEND && mproc_last_error()->code != err)
                err = mproc_fail(err, "The input's pull function returned %d for item %lld", err, (long long)item);
            return err;
        }
        size_t before = buffer->size;
        err = append_list(buffer, &args, source->star, item);
        if (err != MPROC_OK) {
            buffer->size = before;
            return err;
        }
        ++*out_count;
    }
    return MPROC_OK;
}

size_t mproc_list_span(const unsigned char *data, size_t count) {
    size_t at = 0;
    while (count-- > 0) {
        uint32_t size = 0;
        memcpy(&size, data + at, sizeof size);
        at += sizeof size + size;
    }
    return at;
}

void mproc_source_fini(mproc_source_t *source) {
    mproc_free(source->lists);
    *source = (mproc_source_t){0};
}
