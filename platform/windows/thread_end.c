/* SPDX-License-Identifier: Apache-2.0 */
/* thread_end.c: what a thread still does when it ends, by the loader's call at the end of each thread. Fiber-local storage
 * would call back too, but once per fiber, and into a DLL that may have been unloaded since. */
#include "system.h"

static DWORD slot = TLS_OUT_OF_INDEXES;

static void NTAPI on_loader(void *module, DWORD reason, void *reserved) {
    (void)module;
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH) {
        slot = TlsAlloc();
    } else if (reason == DLL_THREAD_DETACH && slot != TLS_OUT_OF_INDEXES) {
        mplat_thread_end_t *end = TlsGetValue(slot);
        if (end != NULL) {
            TlsSetValue(slot, NULL);
            end->run(end);
        }
    } else if (reason == DLL_PROCESS_DETACH && slot != TLS_OUT_OF_INDEXES) {
        TlsFree(slot);
        slot = TLS_OUT_OF_INDEXES;
    }
}

/* The linker sorts these sections by name. XLC comes before those in which the C runtime of mingw gives up its own
 * thread-local variables (XLD, XLF), which run() may still use. */
#if defined(_MSC_VER)
#pragma comment(linker, "/INCLUDE:_tls_used")
#pragma section(".CRT$XLC", read)
__declspec(allocate(".CRT$XLC"))
#else
__attribute__((section(".CRT$XLC"), used))
#endif
    static const PIMAGE_TLS_CALLBACK loader_callback = on_loader;

int mplat_thread_at_end(mplat_thread_end_t *end) {
    if (slot == TLS_OUT_OF_INDEXES)
        return mplat_fail_os(ERROR_NO_SYSTEM_RESOURCES, "TlsAlloc");
    if (!TlsSetValue(slot, end))
        return mplat_fail_last("TlsSetValue");
    return 0;
}
