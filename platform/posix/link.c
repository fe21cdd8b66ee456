/* SPDX-License-Identifier: Apache-2.0 */
/* link.c: whole messages and descriptors over a stream socket. It trusts nothing that comes in: a frame is checked
 * before memory is spent on it, and a descriptor that nobody asked for is closed. */
#include "link.h"

#include "internal.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define FRAME_MAGIC 0x4B4E4C4Du

typedef struct frame {
    uint32_t magic;
    uint32_t size;
    uint32_t handle_count;
} frame_t;

/* Room for more than a message may carry, so that one too many is seen and not only cut off. */
#define CONTROL_HANDLES (MPLAT_LINK_HANDLES_MAX + 1)

typedef struct control {
    _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(CONTROL_HANDLES * sizeof(int))];
} control_t;

struct mplat_link {
    int fd;
    atomic_bool sending; /* a frame is on its way out: a crash handler waits for its end */
    int send_end;        /* not 0: a part of a frame went out, nothing may follow it, and this says so */
    bool receive_broken; /* what comes in is no frame */
    bool handles_lost;   /* this process had no descriptor free for what came with the message that is coming in */

    /* The message that is coming in. Never a byte more: the socket is readable exactly when there is more to
     * receive. */
    frame_t frame;
    size_t frame_used;
    unsigned char *body;
    size_t body_capacity;
    size_t body_used;
    int handles[MPLAT_LINK_HANDLES_MAX];
    size_t handle_count;
    size_t handles_came; /* those for which there was no room too */
};

int mplat_link_adopt(int fd, mplat_link_t **out_link) {
    mplat_link_t *link = mplat_sys.allocate(sizeof *link);
    *out_link = link;
    if (link == NULL) {
        mplat_close(fd);
        return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "make link");
    }
    link->fd = fd;
    atomic_init(&link->sending, false);
    return 0;
}

int mplat_link_create(mplat_link_t **out_link, int *out_child_fd) {
    int fds[2] = {-1, -1};
    *out_link = NULL;
    *out_child_fd = -1;
    if (mplat_sys.socket_pair(fds) != 0)
        return mplat_fail(errno, "socketpair");
    int err = mplat_link_adopt(fds[0], out_link);
    if (err != 0) {
        mplat_close(fds[1]);
        return err;
    }
    *out_child_fd = fds[1];
    return 0;
}

static void close_received(mplat_link_t *link) {
    for (size_t i = 0; i < link->handle_count; i++)
        mplat_close(link->handles[i]);
    link->handle_count = 0;
}

void mplat_link_destroy(mplat_link_t *link) {
    if (link == NULL)
        return;
    close_received(link);
    mplat_close(link->fd);
    free(link->body);
    free(link);
}

mplat_handle_t mplat_link_handle(const mplat_link_t *link) {
    return link->fd;
}

/* ---- sending ---- */

/* A frame that goes out: what is left of it, and the descriptors until its first byte is gone. */
typedef struct outgoing {
    struct iovec parts[2];
    control_t control;
    socklen_t control_size;
    bool begun;
} outgoing_t;

static void attach_handles(outgoing_t *out, const mplat_handle_t *handles, size_t count) {
    if (count == 0)
        return;
    memset(&out->control, 0, sizeof out->control);
    out->control_size = (socklen_t)CMSG_SPACE(count * sizeof(int));
    struct msghdr message = {.msg_control = out->control.bytes, .msg_controllen = out->control_size};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(int));
    for (size_t i = 0; i < count; i++) {
        int fd = mplat_fd(handles[i]);
        memcpy(CMSG_DATA(header) + i * sizeof fd, &fd, sizeof fd);
    }
}

static size_t left_of(const outgoing_t *out) {
    return out->parts[0].iov_len + out->parts[1].iov_len;
}

/* Takes put bytes off the front. */
static void advance(outgoing_t *out, ssize_t put) {
    size_t rest = put > 0 ? (size_t)put : 0;
    out->begun = out->begun || rest > 0;
    for (size_t i = 0; i < 2; i++) {
        size_t used = rest < out->parts[i].iov_len ? rest : out->parts[i].iov_len;
        out->parts[i].iov_base = (char *)out->parts[i].iov_base + used;
        out->parts[i].iov_len -= used;
        rest -= used;
    }
}

/* One sendmsg; true unless it failed, with errno. */
static bool push(int fd, outgoing_t *out) {
    struct msghdr message = {.msg_iov = out->parts, .msg_iovlen = 2};
    if (!out->begun && out->control_size > 0) {
        message.msg_control = out->control.bytes;
        message.msg_controllen = out->control_size;
    }
    ssize_t put = mplat_sys.send_message(fd, &message);
    advance(out, put);
    return put >= 0;
}

static int push_all(mplat_link_t *link, outgoing_t *out, int64_t deadline) {
    while (left_of(out) > 0) {
        if (push(link->fd, out) || errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return mplat_fail(errno, "send on link");
        int err = mplat_poll_one(link->fd, POLLOUT, deadline, "send on link");
        if (err != 0)
            return err;
    }
    return 0;
}

int mplat_link_send(mplat_link_t *link, const void *data, size_t size, const mplat_handle_t *handles,
                    size_t handle_count, int64_t timeout_ms) {
    if (size > MPLAT_LINK_MESSAGE_MAX || handle_count > MPLAT_LINK_HANDLES_MAX)
        return mplat_fail_as(MPLAT_ETOOBIG, 0, "send on link");
    if (link->send_end != 0)
        return mplat_fail_as(link->send_end, 0, "send on link");
    int64_t deadline = mplat_deadline_ms(timeout_ms);
    frame_t frame = {FRAME_MAGIC, (uint32_t)size, (uint32_t)handle_count};
    outgoing_t out = {.parts = {{&frame, sizeof frame}, {(void *)(uintptr_t)data, size}}};
    attach_handles(&out, handles, handle_count);
    atomic_store(&link->sending, true);
    int err = push_all(link, &out, deadline);
    if (err != 0 && out.begun)
        link->send_end = err == MPLAT_ECLOSED ? MPLAT_ECLOSED : MPLAT_ESTATE;
    atomic_store(&link->sending, false);
    return err;
}

int mplat_link_crash_send(mplat_link_t *link, const void *data, size_t size) {
    if (size > 16384)
        return MPLAT_ETOOBIG;
    /* Half of the second for a sender in another thread; one in this thread, below the crash, never ends. */
    int64_t deadline = mplat_deadline_ms(1000);
    while (atomic_load(&link->sending) && mplat_remaining_ns(deadline) > 500000000) {
        struct pollfd none = {.fd = -1, .events = 0, .revents = 0};
        poll(&none, 1, 1);
    }
    frame_t frame = {FRAME_MAGIC, (uint32_t)size, 0};
    outgoing_t out = {.parts = {{&frame, sizeof frame}, {(void *)(uintptr_t)data, size}}};
    while (left_of(&out) > 0) {
        struct msghdr message = {.msg_iov = out.parts, .msg_iovlen = 2};
        ssize_t put = sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return MPLAT_ECLOSED;
        advance(&out, put);
        int64_t left = mplat_remaining_ns(deadline);
        if (left == 0)
            return MPLAT_ETIMEDOUT;
        struct pollfd writable = {.fd = link->fd, .events = POLLOUT, .revents = 0};
        if (put <= 0)
            poll(&writable, 1, (int)(left / 1000000));
    }
    return 0;
}

/* ---- receiving ---- */

static struct cmsghdr *next_control(struct msghdr *message, struct cmsghdr *header) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion" /* inside musl's CMSG_NXTHDR */
    return CMSG_NXTHDR(message, header);
#pragma GCC diagnostic pop
}

/* Takes over what came with a piece; false when it is more than one message may carry. With a full descriptor table the kernel
 * drops what it cannot install, and says the same as when there is no room for it: but then the room is not full. */
static bool keep_handles(mplat_link_t *link, struct msghdr *message) {
    size_t came = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = next_control(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd = -1;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            fcntl(fd, F_SETFD, FD_CLOEXEC); /* POSIX.1-2008 has no flag that does so at once */
            if (link->handle_count < MPLAT_LINK_HANDLES_MAX)
                link->handles[link->handle_count++] = fd;
            else
                mplat_close(fd);
        }
        came += count;
    }
    bool cut = (message->msg_flags & MSG_CTRUNC) != 0;
    link->handles_lost = link->handles_lost || (cut && came < CONTROL_HANDLES);
    link->handles_came += came;
    return link->handles_came <= MPLAT_LINK_HANDLES_MAX;
}

static int refuse(mplat_link_t *link, const char *step) {
    link->receive_broken = true;
    close_received(link);
    return mplat_fail_as(MPLAT_EMALFORMED, 0, step);
}

/* Reads into buf until *used is size. */
static int pull(mplat_link_t *link, void *buf, size_t size, size_t *used, int64_t deadline) {
    while (*used < size) {
        control_t control;
        struct iovec part = {(char *)buf + *used, size - *used};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
        ssize_t got = mplat_sys.receive_message(link->fd, &message);
        if (got == 0)
            return mplat_fail_as(MPLAT_ECLOSED, 0, "receive on link");
        if (got > 0) {
            *used += (size_t)got;
            if (!keep_handles(link, &message))
                return refuse(link, "receive handles on link");
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return mplat_fail(errno, "receive on link");
        int err = mplat_poll_one(link->fd, POLLIN, deadline, "receive on link");
        if (err != 0)
            return err;
    }
    return 0;
}

static int pull_frame(mplat_link_t *link, int64_t deadline) {
    int err = pull(link, &link->frame, sizeof link->frame, &link->frame_used, deadline);
    if (err != 0)
        return err;
    if (link->frame.magic != FRAME_MAGIC || link->frame.size > MPLAT_LINK_MESSAGE_MAX ||
        link->frame.handle_count > MPLAT_LINK_HANDLES_MAX)
        return refuse(link, "read frame on link");
    return 0;
}

static int pull_body(mplat_link_t *link, int64_t deadline) {
    if (link->frame.size > link->body_capacity) {
        void *grown = mplat_sys.allocate(link->frame.size);
        if (grown == NULL)
            return mplat_fail_as(MPLAT_ENOMEM, ENOMEM, "receive on link");
        free(link->body);
        link->body = grown;
        link->body_capacity = link->frame.size;
    }
    int err = pull(link, link->body, link->frame.size, &link->body_used, deadline);
    if (err == 0 && link->handle_count != link->frame.handle_count && !link->handles_lost)
        return refuse(link, "count handles on link");
    return err;
}

int mplat_link_receive(mplat_link_t *link, void *buf, size_t size, size_t *out_size, mplat_handle_t *handles,
                       size_t *out_handle_count, int64_t timeout_ms) {
    int64_t deadline = mplat_deadline_ms(timeout_ms);
    *out_size = 0;
    if (out_handle_count != NULL)
        *out_handle_count = 0;
    if (link->receive_broken)
        return refuse(link, "receive on link");
    /* A piece that came before a time-out stays in the link, and the next call goes on from there. */
    int err = pull_frame(link, deadline);
    if (err == 0)
        err = pull_body(link, deadline);
    if (err != 0)
        return err;
    link->frame_used = 0;
    link->body_used = 0;
    link->handles_came = 0;
    *out_size = link->frame.size;
    if (link->handles_lost || link->frame.size > size) {
        bool lost = link->handles_lost;
        link->handles_lost = false;
        close_received(link);
        return lost ? mplat_fail_as(MPLAT_ENOHANDLES, EMFILE, "receive handles on link")
                    : mplat_fail_as(MPLAT_ETOOBIG, 0, "receive on link");
    }
    if (link->frame.size > 0)
        memcpy(buf, link->body, link->frame.size);
    if (handles == NULL || out_handle_count == NULL) {
        close_received(link);
        return 0;
    }
    for (size_t i = 0; i < link->handle_count; i++)
        handles[i] = link->handles[i];
    *out_handle_count = link->handle_count;
    link->handle_count = 0;
    return 0;
}
