#define _GNU_SOURCE
#include "serve/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_BACK_OFF = 6 };

static const int64_t back_off_ns = 250000000;

extern char **environ;

/* A group of its own, so that Ctrl-C reaches the front alone, which lets requests end; the front's
 * blocked signals are not passed on. */
static int spawn(pid_t *pid, char *const *arguments, int link)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    sigemptyset(&none);
    sigfillset(&usual);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    int failure = posix_spawn_file_actions_adddup2(&actions, link, LINK_FD);
    if (!failure)
        failure = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

/* dup2 of a descriptor to itself would leave it closing on exec. */
static int away_from_link_fd(int *end)
{
    if (*end != LINK_FD)
        return 0;
    const int other = fcntl(*end, F_DUPFD_CLOEXEC, LINK_FD + 1);
    if (other < 0)
        return errno;
    close(*end);
    *end = other;
    return 0;
}

int crew_start(struct crew_member *member, char *const *arguments, int64_t now_ns, se_error *err)
{
    int ends[2] = {-1, -1};
    pid_t pid = 0;
    int failure = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : errno;
    if (!failure)
        failure = away_from_link_fd(&ends[1]);
    if (!failure && fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
        failure = errno;
    if (!failure)
        failure = spawn(&pid, arguments, ends[1]);
    if (ends[1] >= 0)
        close(ends[1]);
    if (failure) {
        if (ends[0] >= 0)
            close(ends[0]);
        return se_fail(err, SE_ERR_IO, "a worker process could not be started: %s",
                       strerror(failure));
    }
    const int failures = member->failures;
    const unsigned generation = member->generation;
    *member = (struct crew_member){.state = CREW_STARTING,
                                   .pid = pid,
                                   .link = ends[0],
                                   .since_ns = now_ns,
                                   .generation = generation,
                                   .failures = failures};
    return SE_OK;
}

int crew_give(struct crew_member *member, struct work *work, size_t index, uint64_t id, int company,
              int time_limit_ms, int64_t now_ns, se_error *err)
{
    const struct work_picture *picture = &work->pictures[index];
    struct crew_slot *slot = member->slots;
    while (slot->work)
        slot++;
    struct link_message message = {
        .kind = LINK_READ, .id = id, .size = picture->size, .options = work->options};
    message.parts = (uint32_t)picture->parts;
    message.options.time_limit_ms = time_limit_ms;
    snprintf(message.name, sizeof(message.name), "%s", picture->name);
    FORWARD_IF_ERROR(link_send(member->link, &message, picture->file, err));
    *slot = (struct crew_slot){
        .work = work, .index = index, .id = id, .since_ns = now_ns, .company = company};
    member->state = CREW_BUSY;
    member->since_ns = now_ns;
    member->held++;
    return SE_OK;
}

struct crew_slot *crew_slot_of(struct crew_member *member, uint64_t id)
{
    for (int i = 0; i < CREW_MOST; i++)
        if (member->slots[i].work && member->slots[i].id == id)
            return &member->slots[i];
    return NULL;
}

void crew_take_off(struct crew_member *member, struct crew_slot *slot, int64_t now_ns)
{
    *slot = (struct crew_slot){.work = NULL};
    if (--member->held > 0)
        return;
    member->state = CREW_IDLE;
    member->since_ns = now_ns;
}

int crew_grant(struct crew_member *member, struct crew_slot *slot, int64_t now_ns, se_error *err)
{
    const struct link_message message = {.kind = LINK_GRANT, .id = slot->id};
    FORWARD_IF_ERROR(link_send(member->link, &message, -1, err));
    slot->has = slot->wants;
    slot->wants = 0;
    slot->since_ns = now_ns; /* it was not slow, it waited */
    return SE_OK;
}

void crew_cancel(struct crew_member *member, struct crew_slot *slot, int64_t now_ns)
{
    if (slot->cancelled_ns)
        return;
    slot->cancelled_ns = now_ns;
    const struct link_message message = {.kind = LINK_CANCEL, .id = slot->id};
    /* One that does not take it is found to be stuck or ended, soon. */
    link_send(member->link, &message, -1, NULL);
}

void crew_end(struct crew_member *member, int64_t now_ns)
{
    if (member->state == CREW_NONE)
        return;
    kill(member->pid, SIGKILL);
    while (waitpid(member->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(member->link);
    member->failures = member->state == CREW_STARTING ? member->failures + 1 : 0;
    const int steps = member->failures < MAX_BACK_OFF ? member->failures : MAX_BACK_OFF;
    member->start_after_ns = steps > 0 ? now_ns + (back_off_ns << steps) : now_ns;
    member->state = CREW_NONE;
    member->pid = 0;
    member->link = -1;
    member->held = 0;
    memset(member->slots, 0, sizeof(member->slots));
    member->since_ns = now_ns;
}
