# SPDX-License-Identifier: Apache-2.0
# Linux with the musl C library, by Debian's musl-gcc. tools/build-deps musl makes the libraries it looks for.
# The compiler has no headers of the kernel (<linux/…>) and no C++.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER musl-gcc)

set(MPROC_DEPS ${CMAKE_CURRENT_LIST_DIR}/../../build/deps/musl)
set(CMAKE_FIND_ROOT_PATH ${MPROC_DEPS} /usr/lib/x86_64-linux-musl)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# Static programs: the musl loader need not be installed where they run.
# Debian's musl-gcc leaves out the index of the unwind tables, which back-traces need and every other compiler adds.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -Wl,--eh-frame-hdr")
