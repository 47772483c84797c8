#define _GNU_SOURCE
#include "serve/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor, aligned as the system wants it. */
union link_control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int link_send(int socket, const struct link_message *message, int file, se_error *err)
{
    struct link_message copy = *message;
    struct iovec part = {&copy, sizeof(copy)};
    struct msghdr envelope = {.msg_iov = &part, .msg_iovlen = 1};
    union link_control control;
    memset(&control, 0, sizeof(control));
    if (file >= 0) {
        envelope.msg_control = control.bytes;
        envelope.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&envelope);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &file, sizeof(file));
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &envelope, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    RETURN_ERROR_IF(sent != (ssize_t)sizeof(copy), err, SE_ERR_IO, "message between processes: %s",
                    sent < 0 ? strerror(errno) : "cut off");
    return SE_OK;
}

/* The descriptor that came along, or -1. */
static int take_file(struct msghdr *envelope)
{
    int file = -1;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(envelope); header;
         header = CMSG_NXTHDR(envelope, header))
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
            header->cmsg_len == CMSG_LEN(sizeof(int)))
            memcpy(&file, CMSG_DATA(header), sizeof(file));
    return file;
}

int link_receive(int socket, struct link_message *message, int *file, se_error *err)
{
    struct iovec part = {message, sizeof(*message)};
    union link_control control;
    struct msghdr envelope = {.msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof(control.bytes)};
    ssize_t got;
    *file = -1;
    message->kind = 0;
    do
        got = recvmsg(socket, &envelope, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return SE_OK;
    RETURN_ERROR_IF(got == 0, err, SE_ERR_IO, "the other side has ended");
    RETURN_ERROR_IF(got < 0, err, SE_ERR_IO, "message between processes: %s", strerror(errno));
    *file = take_file(&envelope);
    if (got != (ssize_t)sizeof(*message) || (envelope.msg_flags & MSG_CTRUNC)) {
        if (*file >= 0)
            close(*file);
        *file = -1;
        return se_fail(err, SE_ERR_IO, "message between processes: not of the right size");
    }
    message->name[sizeof(message->name) - 1] = '\0';
    message->message[sizeof(message->message) - 1] = '\0';
    return SE_OK;
}

static int write_all(int file, const char *bytes, size_t size, se_error *err)
{
    while (size > 0) {
        const ssize_t done = write(file, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        RETURN_ERROR_IF(done <= 0, err, SE_ERR_IO, "memory file: %s", strerror(errno));
        bytes += done;
        size -= (size_t)done;
    }
    return SE_OK;
}

int link_memory_file(int *out, const void *bytes, size_t size, se_error *err)
{
    *out = -1;
    const int file = memfd_create("serialeye", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    RETURN_ERROR_IF(file < 0, err, SE_ERR_IO, "memory file: %s", strerror(errno));
    int status = write_all(file, bytes, size, err);
    if (status == SE_OK &&
        fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        status = se_fail(err, SE_ERR_IO, "memory file: %s", strerror(errno));
    if (status != SE_OK) {
        close(file);
        return status;
    }
    *out = file;
    return SE_OK;
}

int link_file_read(int file, size_t size, char **out, se_error *err)
{
    *out = NULL;
    char *text = malloc(size + 1);
    if (!text)
        return se_fail_memory(err, "an answer", size);
    size_t have = 0;
    while (have < size) {
        const ssize_t got = pread(file, text + have, size - have, (off_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            free(text);
            return got < 0
                       ? se_fail(err, SE_ERR_IO, "memory file: %s", strerror(errno))
                       : se_fail(err, SE_ERR_CORRUPT, "memory file: %zu of %zu bytes", have, size);
        }
        have += (size_t)got;
    }
    text[size] = '\0';
    *out = text;
    return SE_OK;
}
