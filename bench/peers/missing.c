/* SPDX-License-Identifier: Apache-2.0 */
/* missing.c: stands in for a peer whose library was not there when the benchmark was built, and says so. */
#include <stdio.h>

int main(void) {
    (void)puts("missing: its library was not found when the benchmark was built");
    return 0;
}
