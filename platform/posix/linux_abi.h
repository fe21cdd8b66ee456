/* SPDX-License-Identifier: Apache-2.0 */
/* linux_abi.h: numbers of the Linux kernel's interface that a C library's headers may be too old to have, or, as
 * musl-gcc's, come without. Only Linux files include it. */
#ifndef MPLAT_POSIX_LINUX_ABI_H
#define MPLAT_POSIX_LINUX_ABI_H

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Since 5.0 a new system call has the same number on every architecture but alpha. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

/* On a 32-bit system with 64-bit time only the new name of futex may be there; we pass 32-bit times to the old
 * one. */
#ifndef SYS_futex
#define SYS_futex SYS_futex_time64
#endif

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef CLONE_VM
#define CLONE_VM 0x00000100
#endif
#ifndef CLONE_VFORK
#define CLONE_VFORK 0x00004000
#endif

#define MPLAT_P_PIDFD 3 /* an enumerator in glibc, where it is there at all */

#define MPLAT_FUTEX_WAIT 0
#define MPLAT_FUTEX_WAKE 1

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1u
#endif
#ifndef MFD_ALLOW_SEALING
#define MFD_ALLOW_SEALING 2u
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#endif
#ifndef F_SETSIG
#define F_SETSIG 10
#endif
#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 1
#define FALLOC_FL_PUNCH_HOLE 2
#endif

/* The kernel's signal set: 64 signals on every architecture this backend is built for. */
#define MPLAT_KERNEL_SIGSET_SIZE 8

#endif
