/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of processes do to a POSIX system. */
#include "process_host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/mount.h>
#endif

int64_t host_pid(void) {
    return getpid();
}

bool host_kill(int64_t pid) {
    return kill((pid_t)pid, SIGKILL) == 0;
}

/* Its third field is its state; the second is a name in parentheses that may hold anything. */
static bool is_zombie(int64_t pid) {
    char path[64], text[1024];
    (void)snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    const char *end = strrchr(text, ')');
    return end != NULL && (end[2] == 'Z' || end[2] == 'X');
}

bool host_runs(int64_t pid) {
    return (kill((pid_t)pid, 0) == 0 || errno == EPERM) && !is_zombie(pid);
}

bool host_has_terminate(void) {
    return true;
}

bool host_ignore_terminate(void) {
    return signal(SIGTERM, SIG_IGN) != SIG_ERR;
}

static volatile sig_atomic_t exit_code;

static void exit_now(int signal_number) {
    (void)signal_number;
    _exit(exit_code);
}

bool host_exit_at_terminate(int code) {
    exit_code = code;
    return signal(SIGTERM, exit_now) != SIG_ERR;
}

static void set_terminate(int how, void (*disposition)(int)) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(how, &set, NULL);
    (void)signal(SIGTERM, disposition);
}

void host_block_terminate(void) {
    set_terminate(SIG_BLOCK, SIG_IGN);
}

void host_unblock_terminate(void) {
    set_terminate(SIG_UNBLOCK, SIG_DFL);
}

static volatile sig_atomic_t interrupts;

static void count_interrupt(int signal_number) {
    (void)signal_number;
    interrupts++;
}

bool host_interrupt_group(void) {
    return kill(0, SIGINT) == 0;
}

void host_catch_interrupt(void) {
    (void)signal(SIGINT, count_interrupt);
}

int host_interrupts(void) {
    return interrupts;
}

bool host_ignore_children(void) {
    return signal(SIGCHLD, SIG_IGN) != SIG_ERR;
}

void host_heed_children(void) {
    (void)signal(SIGCHLD, SIG_DFL);
}

int host_copy(int (*function)(void *arg), void *arg) {
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(function(arg));
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

intptr_t host_open_high(void) {
    int fd = open("/dev/null", O_RDWR);
    if (fd < 0)
        return -1;
    int high = fcntl(fd, F_DUPFD, 200);
    close(fd);
    return high;
}

intptr_t host_open_broken(void) {
    int fds[2];
    if (pipe(fds) != 0)
        return -1;
    close(fds[0]);
    return fds[1];
}

bool host_copy_program(const char *from, const char *to) {
    static char block[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0700);
    ssize_t got = -1;
    while (in >= 0 && out >= 0 && (got = read(in, block, sizeof block)) > 0)
        if (write(out, block, (size_t)got) != got)
            break;
    close(in);
    return close(out) == 0 && got == 0;
}

int host_run_program(const char *const *argv) {
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

intptr_t host_open_high_socket(void) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0)
        return -1;
    int high = fcntl(fd, F_DUPFD, 200);
    close(fd);
    return high;
}

void host_close_socket(intptr_t socket) {
    close((int)socket);
}

bool host_is_socket(intptr_t socket) {
    struct stat status;
    return fstat((int)socket, &status) == 0 && S_ISSOCK(status.st_mode);
}

void host_exec_signalled(void) {
    (void)execl("/bin/sh", "sh", "-c", "kill -s PIPE $$; exit 3", (char *)NULL);
    _exit(4);
}

bool host_open_pipe(intptr_t *out_read, intptr_t *out_write) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    *out_read = fds[0];
    *out_write = fds[1];
    return true;
}

void host_close(intptr_t handle) {
    close((int)handle);
}

int host_write_everywhere(const void *data, size_t size) {
    int count = 0;
    for (int fd = 3; fd < 1024; fd++) {
        struct stat status;
        if (fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) &&
            send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
            count++;
    }
    return count;
}

void host_close_output(void) {
    close(STDOUT_FILENO);
}

bool host_open_terminal(int columns, intptr_t *out_outside, intptr_t *out_inside) {
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    int outside = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    const char *name = outside >= 0 && grantpt(outside) == 0 && unlockpt(outside) == 0 ? ptsname(outside) : NULL;
    int inside = name == NULL ? -1 : open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (inside < 0 || ioctl(inside, TIOCSWINSZ, &size) != 0)
        return false;
    *out_outside = outside;
    *out_inside = inside;
    return true;
}

size_t host_read_terminal(intptr_t outside, char *buf, size_t size) {
    size_t used = 0;
    ssize_t got;
    while (used < size && (got = read((int)outside, buf + used, size - used)) > 0)
        used += (size_t)got;
    return used;
}

size_t host_count_handles(void) {
    size_t count = 0;
    for (int fd = 0; fd < 4096; fd++)
        count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
}

bool host_handle_is_open(intptr_t handle) {
    return fcntl((int)handle, F_GETFD) >= 0;
}

size_t host_heap_bytes(void) {
#if defined(__GLIBC__)
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

size_t host_mapped_bytes(void) {
    FILE *file = fopen("/proc/self/maps", "re");
    char line[1024];
    size_t bytes = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *rest = NULL;
        size_t first = strtoul(line, &rest, 16);
        size_t end = strtoul(rest + 1, &rest, 16);
        if (rest[1] == 'r' && rest[2] == 'w')
            bytes += end - first;
    }
    if (file != NULL)
        fclose(file);
    return bytes;
}

typedef struct run {
    void (*function)(void *arg);
    void *arg;
} run_t;

static void *run_thread(void *context) {
    run_t run = *(run_t *)context;
    run.function(run.arg);
    return NULL;
}

void host_run_threads(size_t count, void (*function)(void *arg), void *arg) {
    pthread_t threads[64];
    run_t run = {function, arg};
    size_t made = 0;
    while (made < count && made < 64 && pthread_create(&threads[made], NULL, run_thread, &run) == 0)
        made++;
    if (made < count)
        abort();
    for (size_t i = 0; i < made; i++)
        pthread_join(threads[i], NULL);
}

void host_run_beside(void (*function)(void *arg), void *arg) {
    static run_t run;
    pthread_t thread;
    run = (run_t){function, arg};
    if (pthread_create(&thread, NULL, run_thread, &run) == 0)
        pthread_detach(thread);
}

static void describe_signals(char *buf, size_t size) {
    sigset_t mask;
    size_t used = 0;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (int number = 1; number <= 64 && used + 2 < size; number++) {
        struct sigaction action;
        bool known = sigaction(number, NULL, &action) == 0;
        buf[used++] = sigismember(&mask, number) == 1 ? '1' : '0';
        buf[used++] = !known ? '?' : action.sa_handler == SIG_DFL ? 'd' : action.sa_handler == SIG_IGN ? 'i' : 'h';
    }
    buf[used] = '\0';
}

void host_describe(char *buf, size_t size) {
    char signals[192], directory[1024] = "";
    struct rlimit files;
    size_t environment = 0;
    describe_signals(signals, sizeof signals);
    if (getcwd(directory, sizeof directory) == NULL)
        directory[0] = '\0';
    for (char **entry = environ; *entry != NULL; entry++)
        environment = environment * 31 + strlen(*entry);
    mode_t mask = umask(0);
    umask(mask);
    getrlimit(RLIMIT_NOFILE, &files);
    (void)snprintf(buf, size, "signals %s, directory %s, environment %zu, mask %o, files %llu, priority %d", signals,
                   directory, environment, (unsigned)mask, (unsigned long long)files.rlim_cur,
                   getpriority(PRIO_PROCESS, 0));
}

void host_close_streams(void) {
    for (int fd = 0; fd <= 2; fd++)
        close(fd);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int number) {
    (void)number;
    alarms++;
}

static void set_alarm(suseconds_t interval_us) {
    struct itimerval timer = {{0, interval_us}, {0, interval_us}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

bool host_alarm_start(void) {
    struct sigaction action = {.sa_handler = count_alarm};
    alarms = 0;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGALRM, &action, NULL) != 0)
        return false;
    set_alarm(1000);
    return true;
}

int host_alarm_stop(void) {
    set_alarm(0);
    (void)signal(SIGALRM, SIG_DFL);
    return alarms;
}

static struct rlimit files_before;

/* The limit is about numbers, not about how many are open: below it so many are free. */
bool host_limit_handles(size_t more) {
    rlim_t limit = 0;
    for (size_t unused = 0; unused < more || fcntl((int)limit, F_GETFD) >= 0; limit++)
        unused += fcntl((int)limit, F_GETFD) < 0 ? 1 : 0;
    if (getrlimit(RLIMIT_NOFILE, &files_before) != 0)
        return false;
    struct rlimit limits = {limit, files_before.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &limits) == 0;
}

void host_unlimit_handles(void) {
    setrlimit(RLIMIT_NOFILE, &files_before);
}

void host_set_environment(const char *name, const char *value) {
    if (value == NULL)
        (void)unsetenv(name);
    else
        (void)setenv(name, value, 1);
}

bool host_make_fifo(const char *path) {
    return mkfifo(path, 0600) == 0;
}

const char *host_null_device(void) {
    return "/dev/null";
}

static struct rlimit sizes_before;
static void (*size_signal_before)(int);

bool host_limit_files(uint64_t bytes) {
    if (getrlimit(RLIMIT_FSIZE, &sizes_before) != 0)
        return false;
    size_signal_before = signal(SIGXFSZ, SIG_IGN);
    struct rlimit limits = {(rlim_t)bytes, sizes_before.rlim_max};
    return setrlimit(RLIMIT_FSIZE, &limits) == 0;
}

void host_unlimit_files(void) {
    setrlimit(RLIMIT_FSIZE, &sizes_before);
    signal(SIGXFSZ, size_signal_before);
}

#if defined(__linux__)
static void write_map(const char *path, const char *text, unsigned id) {
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return;
    (void)fprintf(file, text, id);
    (void)fclose(file);
}

/* Root can at once; others as the root of a user name space of their own, where the system lets them. */
bool host_shrink_shared_memory(uint64_t bytes) {
    char options[64];
    unsigned user = geteuid(), group = getegid();
    (void)snprintf(options, sizeof options, "size=%llu", (unsigned long long)bytes);
    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return false;
        write_map("/proc/self/setgroups", "deny", 0);
        write_map("/proc/self/uid_map", "0 %u 1", user);
        write_map("/proc/self/gid_map", "0 %u 1", group);
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", "/dev/shm", "tmpfs", 0, options) == 0;
}
#else
bool host_shrink_shared_memory(uint64_t bytes) {
    (void)bytes;
    return false;
}
#endif

void host_sleep_ms(int ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000L};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

_Noreturn void host_sleep_forever(void) {
    for (;;)
        host_sleep_ms(1000);
}
