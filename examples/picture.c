/* SPDX-License-Identifier: Apache-2.0 */
/* picture.c: a pool renders a large picture of the Mandelbrot set, a row a task, and writes it as PPM. The rows come back through
 * memory that both sides see, into the picture's own array.
 *
 *     picture [FILE [WIDTH HEIGHT]]      default: picture.ppm 1920 1080 */
#include <mproc/mproc.h>
#include <stdio.h>
#include <stdlib.h>

#define ITERATIONS 1000
#define LEFT (-2.2)
#define RIGHT 0.8

typedef struct geometry {
    int64_t row, width, height;
} geometry_t;

static int iterations_at(double x, double y) {
    double real = 0, imaginary = 0;
    int i = 0;
    while (i < ITERATIONS && real * real + imaginary * imaginary < 4) {
        double next = real * real - imaginary * imaginary + x;
        imaginary = 2 * real * imaginary + y;
        real = next;
        i++;
    }
    return i;
}

/* Its raw input says which row of which picture; its result is the row's pixels, three bytes each. */
MPROC_TASK(render_row) {
    const void *input = NULL;
    void *room = NULL;
    size_t size = 0;
    mproc_call_input(call, &input, &size);
    const geometry_t *geometry = input;
    int err = mproc_call_reserve(call, 3 * (size_t)geometry->width, &room);
    if (err != MPROC_OK)
        return err;
    unsigned char *pixel = room;
    double scale = (RIGHT - LEFT) / (double)geometry->width;
    double y = ((double)geometry->row - (double)geometry->height / 2) * scale;
    for (int64_t column = 0; column < geometry->width; column++) {
        int i = iterations_at(LEFT + (double)column * scale, y);
        int shade = i == ITERATIONS ? 0 : 55 + i % 200;
        *pixel++ = (unsigned char)(shade / 3);
        *pixel++ = (unsigned char)(shade / 2);
        *pixel++ = (unsigned char)shade;
    }
    return MPROC_OK;
}

static int write_picture(const char *path, const unsigned char *pixels, size_t width, size_t height) {
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return MPROC_ESYSTEM;
    bool good =
        fprintf(file, "P6\n%zu %zu\n255\n", width, height) > 0 && fwrite(pixels, 3 * width, height, file) == height;
    good = fclose(file) == 0 && good;
    return good ? MPROC_OK : MPROC_ESYSTEM;
}

static int render(size_t width, size_t height, unsigned char *pixels) {
    mproc_pool_t *pool = NULL;
    geometry_t *rows = malloc(height * sizeof *rows);
    if (rows == NULL) {
        fprintf(stderr, "picture: no memory for its rows\n");
        return MPROC_ENOMEM;
    }
    for (size_t i = 0; i < height; i++)
        rows[i] = (geometry_t){(int64_t)i, (int64_t)width, (int64_t)height};
    int err = mproc_pool_create(&(mproc_pool_options_t){.progress = true}, &pool);
    /* Rows of the output are elements of 3 * width bytes. */
    mproc_output_t output = {.data = pixels, .count = height, .item_size = 3 * width};
    if (err == MPROC_OK)
        err = mproc_pool_map(pool, &render_row, MPROC_ARRAY(rows, height), output, NULL);
    if (err != MPROC_OK)
        fprintf(stderr, "picture: %s\n", mproc_last_error()->message);
    mproc_pool_destroy(pool);
    free(rows);
    return err;
}

int main(int argc, char **argv) {
    if (mproc_init(&argc, &argv) != MPROC_OK)
        return EXIT_FAILURE;
    const char *path = argc > 1 ? argv[1] : "picture.ppm";
    long width = argc > 3 ? strtol(argv[2], NULL, 10) : 1920, height = argc > 3 ? strtol(argv[3], NULL, 10) : 1080;
    if (argc == 3 || argc > 4 || width < 1 || height < 1 || width > 100000 || height > 100000) {
        fprintf(stderr, "usage: picture [FILE [WIDTH HEIGHT]]\n");
        return EXIT_FAILURE;
    }
    unsigned char *pixels = calloc((size_t)height, 3 * (size_t)width);
    if (pixels == NULL)
        fprintf(stderr, "picture: no memory for %ld x %ld pixels\n", width, height);
    int err = pixels == NULL ? MPROC_ENOMEM : render((size_t)width, (size_t)height, pixels);
    if (err == MPROC_OK && (err = write_picture(path, pixels, (size_t)width, (size_t)height)) != MPROC_OK)
        fprintf(stderr, "picture: cannot write %s\n", path);
    if (err == MPROC_OK)
        printf("%s: %ld x %ld pixels\n", path, width, height);
    free(pixels);
    return err == MPROC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
