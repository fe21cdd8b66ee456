/* SPDX-License-Identifier: Apache-2.0 */
/* pe_symbols.h: finds the function around an address in the bytes of a PE image file. Pure, and total: any bytes
 * will do. */
#ifndef MPLAT_WINDOWS_PE_SYMBOLS_H
#define MPLAT_WINDOWS_PE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* mplat_pe_symbol writes the name of the function with the greatest start not above rva, an offset from the image's
 * load address, and how far behind its start that lies. It looks at the COFF symbol table, where mingw keeps static
 * functions too, and at the exported names. The name is cut to fit. False when it finds none. */
bool mplat_pe_symbol(const unsigned char *file, size_t file_size, uint64_t rva, char *buf, size_t size,
                     uint64_t *out_distance);

#endif
