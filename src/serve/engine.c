/*
 * One thread does everything with works and workers, so that they need no lock. `mutex` guards what
 * other threads touch: the inbox, the list of live works (changed by the thread alone), the wish to
 * cancel and the numbers.
 */
#define _GNU_SOURCE
#include "serve/engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/budget.h"
#include "serve/crew.h"
#include "serve/engine_words.h"
#include "serve/journal.h"
#include "serve/suspects.h"
#include "serve/turns.h"

enum {
    EVENT_COUNT = 64,
    TICK_MS = 100,       /* how late a deadline may be noticed */
    IDLE_TICK_MS = 1000, /* when nothing waits */
    MAX_ANSWER = 64 << 20
};

static const int64_t start_limit_ns = 300000000000, give_up_limit_ns = 5000000000;
/* What an event belongs to: the inbox, member number - 1, or the client of a work by its id. */
static const uint64_t event_inbox = 0, first_work_id = UINT64_C(1) << 32;

struct engine {
    const struct config_slot *config;
    struct admission *admission;
    int workers;
    pthread_t thread;
    int epoll, inbox_event;

    /* The thread's own. */
    struct turns turns;
    struct crew_member *crew; /* [workers] */
    struct suspects suspects;
    uint64_t next_task;
    size_t again;                                     /* pictures that are to be tried again */
    char *const *arguments, *const *arguments_before; /* the latter until all have the former */
    unsigned generation;                              /* of the arguments */
    int64_t waiting_since_ns; /* when the first of the pictures that wait came in, 0: none */
    int64_t give_at_ns;       /* when those held back for a batch are given out, 0: none are */

    pthread_mutex_t mutex;
    struct work *inbox, *inbox_last;
    struct work *live;
    size_t live_count;
    uint64_t next_id;
    struct engine_numbers numbers;
    bool was_ready, failed;
    char *const *new_arguments; /* NULL: none */
    bool stop;                  /* told to end */
    bool ended;                 /* the thread takes nothing any more */
};

/* ---- pictures and works that are done ------------------------------------------------------- */

/* Notes a picture's end; `text` becomes the picture's (may be NULL for lack of memory). */
static void finish_picture(struct engine *engine, struct work *work, size_t index, const char *code,
                           char *text)
{
    struct work_picture *picture = &work->pictures[index];
    snprintf(picture->code, sizeof(picture->code), "%s", !text && !*code ? "memory" : code);
    picture->text = text;
    engine->again -= picture->again;
    picture->again = false;
    work->finished++;
    if (work->deadline_ns)
        admission_count(engine->admission, -work_picture_weight(picture));
    pthread_mutex_lock(&engine->mutex);
    if (*picture->code)
        engine->numbers.failed++;
    else
        engine->numbers.read++;
    pthread_mutex_unlock(&engine->mutex);
    if (work->picture_done)
        work->picture_done(work, index);
}

static void fail_picture(struct engine *engine, struct work *work, size_t index, const char *code,
                         const char *message)
{
    finish_picture(engine, work, index, code, strdup(message));
}

/* Takes a work whose pictures are all finished out of the engine and gives it back. */
static void finish_work(struct engine *engine, struct work *work)
{
    if (work->socket >= 0)
        epoll_ctl(engine->epoll, EPOLL_CTL_DEL, work->socket, NULL);
    pthread_mutex_lock(&engine->mutex);
    for (struct work **at = &engine->live; *at; at = &(*at)->next_live)
        if (*at == work) {
            *at = work->next_live;
            break;
        }
    engine->live_count--;
    pthread_mutex_unlock(&engine->mutex);
    work->done(work);
}

/* Nothing more of this work is begun; what is being read is cancelled. */
static void give_up(struct engine *engine, struct work *work, const char *code, int64_t now)
{
    if (work->given_up)
        return;
    work->given_up = code;
    turns_remove(&engine->turns, work);
    for (size_t i = 0; i < work->count; i++) {
        if (i >= work->given || work->pictures[i].again)
            fail_picture(engine, work, i, code, engine_given_up(code));
    }
    work->given = work->count;
    for (int i = 0; i < engine->workers; i++)
        for (int k = 0; k < CREW_MOST && engine->crew[i].state == CREW_BUSY; k++)
            if (engine->crew[i].slots[k].work == work)
                crew_cancel(&engine->crew[i], &engine->crew[i].slots[k], now);
}

/* ---- new command lines ---------------------------------------------------------------------- */

static void take_new_arguments(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    char *const *arguments = engine->new_arguments;
    engine->new_arguments = NULL;
    pthread_mutex_unlock(&engine->mutex);
    if (!arguments)
        return;
    if (!engine->arguments_before)
        engine->arguments_before = engine->arguments;
    engine->arguments = arguments;
    engine->generation++;
}

/* Replaces the workers that have an older command line, one after the other, between pictures. */
static void roll_members(struct engine *engine, int64_t now)
{
    struct crew_member *old = NULL;
    bool all = true;
    take_new_arguments(engine);
    for (int i = 0; i < engine->workers; i++) {
        struct crew_member *member = &engine->crew[i];
        if (member->state == CREW_NONE || member->state == CREW_STARTING)
            return;
        if (member->generation == engine->generation)
            continue;
        all = false;
        if (member->state == CREW_IDLE)
            old = member;
    }
    if (old)
        crew_end(old, now);
    if (all && engine->arguments_before) {
        engine->arguments_before = NULL;
        journal_event(JOURNAL_INFO, "reload", "all workers have the new settings");
    }
}

/* A worker did not come up: when its command line is new, the one before is taken again. */
static void roll_back(struct engine *engine, const struct crew_member *member)
{
    if (!engine->arguments_before || member->generation != engine->generation)
        return;
    engine->arguments = engine->arguments_before;
    engine->arguments_before = NULL;
    engine->generation++;
    journal_event(JOURNAL_ERROR, "reload",
                  "no worker starts with the new settings; those before stay");
}

/* ---- workers -------------------------------------------------------------------------------- */

static bool is_stopped(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    const bool stop = engine->stop;
    pthread_mutex_unlock(&engine->mutex);
    return stop;
}

/* A picture is given out once more; `alone`: without others. */
static void try_again(struct engine *engine, struct work_picture *picture, bool alone)
{
    picture->again = true;
    picture->alone |= alone;
    engine->again++;
}

/* A worker ended while it had this picture, alone or among others. Only one that was alone is to
 * blame for that. */
static void lose_picture(struct engine *engine, const struct crew_slot *slot, bool alone,
                         const char *code, int64_t now)
{
    struct work *work = slot->work;
    struct work_picture *picture = &work->pictures[slot->index];
    if (alone) {
        picture->tries++;
        if (strcmp(code, engine_device_code) != 0)
            suspects_add(&engine->suspects, picture->hash, now,
                         now + config_now(engine->config)->refuse_ns);
    }
    if (work->given_up)
        fail_picture(engine, work, slot->index, work->given_up, engine_given_up(work->given_up));
    else if (picture->tries < SUSPECT_MAX_TRIES)
        try_again(engine, picture, !alone);
    else
        fail_picture(engine, work, slot->index, code, engine_lost(code));
    if (work->finished == work->count)
        finish_work(engine, work);
}

/* A worker has ended or shall end. Its pictures are tried again, or have failed with `code`. */
static void lose_member(struct engine *engine, struct crew_member *member, const char *code,
                        int64_t now)
{
    const bool starting = member->state == CREW_STARTING, alone = member->held == 1;
    struct crew_slot slots[CREW_MOST];
    memcpy(slots, member->slots, sizeof(slots));
    if (starting)
        roll_back(engine, member);
    crew_end(member, now);
    pthread_mutex_lock(&engine->mutex);
    engine->numbers.restarts++;
    if (starting && !engine->was_ready)
        engine->failed = true;
    pthread_mutex_unlock(&engine->mutex);
    for (int i = 0; i < CREW_MOST; i++)
        if (slots[i].work)
            lose_picture(engine, &slots[i], alone, code, now);
}

/* A process that has read a hostile picture may say anything. */
static void add_stages(struct engine *engine, const double stage_ms[STAGE_COUNT], double took)
{
    for (int i = 0; i < STAGE_COUNT; i++)
        if (stage_ms[i] > 0 && stage_ms[i] <= took * 1e3)
            engine->numbers.stage_seconds[i] += stage_ms[i] * 1e-3;
}

static void take_answer(struct engine *engine, struct crew_member *member, struct crew_slot *slot,
                        const struct link_message *message, int file, int64_t now)
{
    struct work *work = slot->work;
    const size_t index = slot->index;
    se_error err;
    char *text = NULL;
    const double took = (double)(now - slot->since_ns) * 1e-9;
    const double each = took / work_picture_weight(&work->pictures[index]) / slot->company;
    crew_take_off(member, slot, now);
    pthread_mutex_lock(&engine->mutex);
    histogram_add(&engine->numbers.picture_seconds, took);
    add_stages(engine, message->stage_ms, took);
    pthread_mutex_unlock(&engine->mutex);
    admission_learn(engine->admission, each);
    if (message->status == SE_OK && file >= 0 && message->size <= MAX_ANSWER) {
        const int status = link_file_read(file, (size_t)message->size, &text, &err);
        if (status == SE_OK)
            finish_picture(engine, work, index, "", text);
        else
            fail_picture(engine, work, index, se_status_name(status), err.message);
    } else if (message->status == SE_ERR_CANCELLED && work->given_up) {
        fail_picture(engine, work, index, work->given_up, engine_given_up(work->given_up));
    } else {
        const int status = message->status < 0 ? message->status : SE_ERR_INTERNAL;
        fail_picture(engine, work, index, se_status_name(status), message->message);
    }
    if (work->finished == work->count)
        finish_work(engine, work);
}

/* Takes one message of a worker; SE_ERR_IO when it has ended or talks nonsense, SE_ERR_DEVICE when
 * its GPU has failed. */
static int take_message(struct engine *engine, struct crew_member *member, int64_t now)
{
    struct link_message message;
    int file;
    FORWARD_IF_ERROR(link_receive(member->link, &message, &file, NULL));
    int status = SE_OK;
    struct crew_slot *slot = crew_slot_of(member, message.id);
    if (message.kind == LINK_READY && member->state == CREW_STARTING) {
        member->state = CREW_IDLE;
        member->since_ns = now;
        member->failures = 0;
    } else if (message.kind == LINK_DONE && slot && message.status == SE_ERR_DEVICE) {
        status = SE_ERR_DEVICE;
    } else if (message.kind == LINK_DONE && slot) {
        take_answer(engine, member, slot, &message, file, now);
    } else if (message.kind == LINK_WANT && slot && !slot->has) {
        slot->wants = message.size;
    } else if (message.kind != 0) {
        status = SE_ERR_IO;
    }
    if (file >= 0)
        close(file);
    return status;
}

static void start_members(struct engine *engine, int64_t now)
{
    for (int i = 0; i < engine->workers; i++) {
        struct crew_member *member = &engine->crew[i];
        if (member->state != CREW_NONE || member->start_after_ns > now)
            continue;
        se_error err;
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)i + 1};
        int status = crew_start(member, engine->arguments, now, &err);
        member->generation = engine->generation;
        if (status == SE_OK && epoll_ctl(engine->epoll, EPOLL_CTL_ADD, member->link, &event) != 0) {
            crew_end(member, now);
            status = SE_ERR_IO;
        }
        if (status != SE_OK)
            member->start_after_ns = now + 1000000000;
    }
}

/* Does a picture take longer than it may? Those that are read side by side share the cores. */
static bool is_stuck(const struct engine *engine, const struct crew_slot *slot, int64_t now)
{
    const int64_t limit = config_now(engine->config)->stuck_ns * slot->company *
                          work_picture_weight(&slot->work->pictures[slot->index]);
    return (now - slot->since_ns > limit && slot->wants == 0) ||
           (slot->cancelled_ns && now - slot->cancelled_ns > give_up_limit_ns);
}

static void end_stuck_members(struct engine *engine, int64_t now)
{
    for (int i = 0; i < engine->workers; i++) {
        struct crew_member *member = &engine->crew[i];
        bool stuck = member->state == CREW_STARTING && now - member->since_ns > start_limit_ns;
        for (int k = 0; k < CREW_MOST && !stuck; k++)
            stuck = member->slots[k].work && is_stuck(engine, &member->slots[k], now);
        if (stuck)
            lose_member(engine, member, "worker_stuck", now);
    }
}

/* ---- giving pictures out -------------------------------------------------------------------- */

/* A picture that is to be tried again, or else the next in turn; none that must be alone unless
 * `first`. */
static struct work *next_picture(struct engine *engine, bool first, size_t *index)
{
    for (struct work *work = engine->again ? engine->live : NULL; work; work = work->next_live)
        for (size_t i = 0; i < work->given; i++)
            if (work->pictures[i].again && (first || !work->pictures[i].alone)) {
                work->pictures[i].again = false;
                engine->again--;
                *index = i;
                return work;
            }
    return turns_next(&engine->turns, index);
}

/* The time limit for each picture that a worker is told, -1 for the setting's: never past the
 * deadline. A work without a time limit gets none, so that its answer does not depend on the
 * company it is in; its deadline cancels it. */
static int time_limit_of(const struct engine *engine, const struct work *work, size_t index,
                         int64_t now)
{
    const int wish = work->options.time_limit_ms;
    const int limit = wish < 0 ? config_now(engine->config)->read_limit_ms : wish;
    if (limit == 0 || work->deadline_ns == 0)
        return wish;
    const int64_t left_ms =
        (work->deadline_ns - now) / 1000000 / work_picture_weight(&work->pictures[index]);
    return limit <= left_ms ? wish : left_ms > 1 ? (int)left_ms : 1;
}

/* The same, but for those that are refused. */
static struct work *next_accepted(struct engine *engine, bool first, int64_t now, size_t *index)
{
    struct work *work;
    while ((work = next_picture(engine, first, index))) {
        if (!suspects_refuse(&engine->suspects, work->pictures[*index].hash, now))
            return work;
        fail_picture(engine, work, *index, "refused",
                     "this picture has ended two processes; it is refused for a while");
        if (work->finished == work->count)
            finish_work(engine, work);
    }
    return NULL;
}

/* Gives up to `most` pictures to an idle member; returns how many. */
static int give_batch(struct engine *engine, struct crew_member *member, int most, int64_t now)
{
    int given = 0;
    bool alone = false;
    while (given < most && !alone) {
        size_t index;
        struct work *work = next_accepted(engine, given == 0, now, &index);
        if (!work)
            break;
        alone = work->pictures[index].alone;
        if (crew_give(member, work, index, ++engine->next_task, alone ? 1 : most,
                      time_limit_of(engine, work, index, now), now, NULL) != SE_OK) {
            try_again(engine, &work->pictures[index], false); /* it had no part in this end */
            lose_member(engine, member, "worker_crashed", now);
            break;
        }
        given++;
    }
    if (given > 0) {
        pthread_mutex_lock(&engine->mutex);
        histogram_add(&engine->numbers.batch_pictures, given);
        pthread_mutex_unlock(&engine->mutex);
    }
    return given;
}

/* Pictures that nobody has. */
static size_t count_waiting(const struct engine *engine)
{
    size_t waiting = engine->again;
    for (const struct work *work = engine->live; work; work = work->next_live)
        waiting += work->count - work->given;
    return waiting;
}

/* Idle workers share what waits, each gets a batch at most. Fewer than a batch are held back until
 * the first of them has waited for the delay; engine->give_at_ns says until when, 0: not. */
static void give_pictures(struct engine *engine, int64_t now)
{
    const struct serve_config *config = config_now(engine->config);
    const size_t most = (size_t)config->batch_pictures;
    size_t waiting = count_waiting(engine);
    int idle = 0;
    for (int i = 0; i < engine->workers; i++)
        idle += engine->crew[i].state == CREW_IDLE;
    if (waiting == 0 || engine->waiting_since_ns == 0)
        engine->waiting_since_ns = waiting > 0 ? now : 0;
    const int64_t until = engine->waiting_since_ns + config->batch_delay_ns;
    const bool held =
        idle > 0 && waiting > 0 && engine->again == 0 && waiting < most && now < until;
    engine->give_at_ns = held ? until : 0;
    if (held || idle == 0)
        return;
    for (int i = 0; i < engine->workers && waiting > 0; i++) {
        if (engine->crew[i].state != CREW_IDLE)
            continue;
        const size_t share = (waiting + (size_t)idle - 1) / (size_t)idle;
        give_batch(engine, &engine->crew[i], (int)(share < most ? share : most), now);
        waiting = count_waiting(engine);
        idle--;
    }
    if (waiting == 0)
        engine->waiting_since_ns = 0;
}

/* ---- memory --------------------------------------------------------------------------------- */

/* The picture that has waited longest for memory, and who has it; NULL: none. */
static struct crew_slot *first_that_wants(struct engine *engine, struct crew_member **member)
{
    struct crew_slot *first = NULL;
    for (int i = 0; i < engine->workers; i++)
        for (int k = 0; k < CREW_MOST; k++) {
            struct crew_slot *slot = &engine->crew[i].slots[k];
            if (slot->wants > 0 && (!first || slot->since_ns < first->since_ns)) {
                first = slot;
                *member = &engine->crew[i];
            }
        }
    return first;
}

/* Lets large pictures be decoded, the longest waiting first, as long as those under way fit the
 * budget together. One that is larger than the budget is decoded alone. */
static void grant_memory(struct engine *engine, int64_t now)
{
    const uint64_t budget = config_now(engine->config)->decode_bytes;
    struct crew_member *member = NULL;
    struct crew_slot *slot;
    while ((slot = first_that_wants(engine, &member))) {
        uint64_t used = 0;
        for (int i = 0; i < engine->workers; i++)
            for (int k = 0; k < CREW_MOST; k++)
                used += engine->crew[i].slots[k].has;
        if (used > 0 && (slot->wants > budget || used > budget - slot->wants))
            return;
        if (crew_grant(member, slot, now, NULL) != SE_OK)
            lose_member(engine, member, "worker_crashed", now);
    }
}

/* ---- works that come in --------------------------------------------------------------------- */

static void take_in(struct engine *engine, struct work *work, int64_t now)
{
    struct epoll_event event = {.events = EPOLLRDHUP, .data.u64 = work->id};
    if (turns_add(&engine->turns, work, NULL) != SE_OK)
        give_up(engine, work, "memory", now);
    else if (work->socket >= 0 &&
             epoll_ctl(engine->epoll, EPOLL_CTL_ADD, work->socket, &event) != 0)
        work->socket = -1; /* its client is not watched; the deadline holds all the same */
}

static void take_inbox(struct engine *engine, int64_t now)
{
    uint64_t count;
    while (read(engine->inbox_event, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&engine->mutex);
    struct work *inbox = engine->inbox;
    engine->inbox = engine->inbox_last = NULL;
    pthread_mutex_unlock(&engine->mutex);
    while (inbox) {
        struct work *work = inbox;
        inbox = work->next_of_client;
        pthread_mutex_lock(&engine->mutex);
        work->next_live = engine->live;
        engine->live = work;
        pthread_mutex_unlock(&engine->mutex);
        take_in(engine, work, now);
    }
}

/* Gives up what is past its deadline, cancelled, or caught by the end of the service. */
static void end_works(struct engine *engine, int64_t now)
{
    const bool stop = is_stopped(engine);
    for (struct work *work = engine->live, *next; work; work = next) {
        next = work->next_live;
        pthread_mutex_lock(&engine->mutex);
        const bool cancelled = work->cancel_asked;
        pthread_mutex_unlock(&engine->mutex);
        if (cancelled)
            give_up(engine, work, "cancelled", now);
        else if (stop)
            give_up(engine, work, "draining", now);
        else if (work->deadline_ns && now >= work->deadline_ns)
            give_up(engine, work, "deadline", now);
        if (work->finished == work->count)
            finish_work(engine, work);
    }
}

static void client_left(struct engine *engine, uint64_t id, int64_t now)
{
    for (struct work *work = engine->live; work; work = work->next_live)
        if (work->id == id) {
            epoll_ctl(engine->epoll, EPOLL_CTL_DEL, work->socket, NULL);
            work->socket = -1;
            give_up(engine, work, "cancelled", now);
            return;
        }
}

/* ---- the thread ----------------------------------------------------------------------------- */

static void count_now(struct engine *engine)
{
    int ready = 0;
    size_t running = 0, waiting = 0;
    for (int i = 0; i < engine->workers; i++) {
        ready += engine->crew[i].state == CREW_IDLE || engine->crew[i].state == CREW_BUSY;
        running += (size_t)engine->crew[i].held;
    }
    for (const struct work *work = engine->live; work; work = work->next_live)
        waiting += work->count - work->finished;
    pthread_mutex_lock(&engine->mutex);
    engine->numbers.workers_ready = ready;
    engine->numbers.running = running;
    engine->numbers.waiting = waiting - running;
    engine->was_ready |= ready > 0;
    for (int i = 0; i < engine->workers; i++)
        engine->numbers.pids[i] = engine->crew[i].pid;
    pthread_mutex_unlock(&engine->mutex);
}

static void take_event(struct engine *engine, const struct epoll_event *event, int64_t now)
{
    const uint64_t id = event->data.u64;
    if (id == event_inbox)
        return; /* the inbox is looked at in every round */
    if (id >= first_work_id) {
        client_left(engine, id, now);
        return;
    }
    struct crew_member *member = &engine->crew[id - 1];
    const int status = member->state != CREW_NONE ? take_message(engine, member, now) : SE_OK;
    if (status != SE_OK)
        lose_member(engine, member, status == SE_ERR_DEVICE ? engine_device_code : "worker_crashed",
                    now);
}

/* Is this the end? From then on engine_submit gives works back by itself. */
static bool has_ended(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    engine->ended = engine->stop && !engine->live && !engine->inbox;
    const bool ended = engine->ended;
    pthread_mutex_unlock(&engine->mutex);
    return ended;
}

/* Milliseconds until the thread must look around again. */
static int tick_of(const struct engine *engine, int64_t now)
{
    bool starting = false;
    for (int i = 0; i < engine->workers; i++)
        starting |= engine->crew[i].state == CREW_NONE;
    const int tick = engine->live || starting ? TICK_MS : IDLE_TICK_MS;
    const int64_t held_ms = engine->give_at_ns ? (engine->give_at_ns - now) / 1000000 + 1 : tick;
    return held_ms < tick ? (int)held_ms : tick;
}

static void *engine_thread(void *argument)
{
    struct engine *engine = argument;
    struct epoll_event events[EVENT_COUNT];
    for (;;) {
        int64_t now = clock_now_ns();
        take_inbox(engine, now);
        end_works(engine, now);
        end_stuck_members(engine, now);
        if (has_ended(engine))
            break;
        roll_members(engine, now);
        start_members(engine, now);
        give_pictures(engine, now);
        grant_memory(engine, now);
        count_now(engine);
        const int count = epoll_wait(engine->epoll, events, EVENT_COUNT, tick_of(engine, now));
        now = clock_now_ns();
        for (int i = 0; i < count; i++)
            take_event(engine, &events[i], now);
    }
    for (int i = 0; i < engine->workers; i++)
        crew_end(&engine->crew[i], clock_now_ns());
    return NULL;
}

/* ---- from other threads --------------------------------------------------------------------- */

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    if (engine->epoll >= 0)
        close(engine->epoll);
    if (engine->inbox_event >= 0)
        close(engine->inbox_event);
    turns_free(&engine->turns);
    pthread_mutex_destroy(&engine->mutex);
    free(engine->crew);
    free(engine);
}

int engine_start(struct engine **out, const struct config_slot *config, struct admission *admission,
                 char *const *arguments, se_error *err)
{
    *out = NULL;
    struct engine *engine = calloc(1, sizeof(*engine));
    if (!engine)
        return se_fail_memory(err, "the engine", sizeof(*engine));
    engine->config = config;
    engine->admission = admission;
    engine->workers = config_now(config)->workers;
    engine->arguments = arguments;
    engine->next_id = first_work_id;
    engine->numbers.batch_pictures.unit = HISTOGRAM_PICTURES;
    pthread_mutex_init(&engine->mutex, NULL);
    engine->crew = calloc((size_t)engine->workers, sizeof(*engine->crew));
    engine->epoll = epoll_create1(EPOLL_CLOEXEC);
    engine->inbox_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = event_inbox};
    int status = engine->crew ? SE_OK : se_fail_memory(err, "the workers", 0);
    if (status == SE_OK &&
        (engine->epoll < 0 || engine->inbox_event < 0 ||
         epoll_ctl(engine->epoll, EPOLL_CTL_ADD, engine->inbox_event, &event) != 0))
        status = se_fail(err, SE_ERR_IO, "the engine: %s", strerror(errno));
    if (status == SE_OK && pthread_create(&engine->thread, NULL, engine_thread, engine) != 0)
        status = se_fail(err, SE_ERR_MEMORY, "the engine's thread could not be started");
    if (status != SE_OK) {
        engine_free(engine);
        return status;
    }
    *out = engine;
    return SE_OK;
}

static void wake(struct engine *engine)
{
    const uint64_t one = 1;
    while (write(engine->inbox_event, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void engine_configure(struct engine *engine, char *const *arguments)
{
    pthread_mutex_lock(&engine->mutex);
    engine->new_arguments = arguments;
    pthread_mutex_unlock(&engine->mutex);
    wake(engine);
}

bool engine_is_ready(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    const bool ready = engine->numbers.workers_ready > 0;
    pthread_mutex_unlock(&engine->mutex);
    return ready;
}

bool engine_has_failed(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    const bool failed = engine->failed;
    pthread_mutex_unlock(&engine->mutex);
    return failed;
}

uint64_t engine_next_id(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    const uint64_t id = engine->next_id++;
    pthread_mutex_unlock(&engine->mutex);
    return id;
}

void engine_submit(struct engine *engine, struct work *work)
{
    work->given = work->finished = 0;
    work->given_up = NULL;
    work->cancel_asked = false;
    work->next_of_client = NULL;
    for (size_t i = 0; work->deadline_ns && i < work->count; i++)
        admission_count(engine->admission, work_picture_weight(&work->pictures[i]));
    pthread_mutex_lock(&engine->mutex);
    if (engine->ended) {
        pthread_mutex_unlock(&engine->mutex);
        for (size_t i = 0; i < work->count; i++)
            fail_picture(engine, work, i, "draining", engine_given_up("draining"));
        work->done(work);
        return;
    }
    if (engine->inbox_last)
        engine->inbox_last->next_of_client = work;
    else
        engine->inbox = work;
    engine->inbox_last = work;
    engine->live_count++;
    pthread_mutex_unlock(&engine->mutex);
    wake(engine);
}

void engine_cancel(struct engine *engine, uint64_t id)
{
    pthread_mutex_lock(&engine->mutex);
    for (struct work *work = engine->inbox; work; work = work->next_of_client)
        if (work->id == id)
            work->cancel_asked = true;
    for (struct work *work = engine->live; work; work = work->next_live)
        if (work->id == id)
            work->cancel_asked = true;
    pthread_mutex_unlock(&engine->mutex);
    wake(engine);
}

void engine_numbers(struct engine *engine, struct engine_numbers *out)
{
    pthread_mutex_lock(&engine->mutex);
    *out = engine->numbers;
    pthread_mutex_unlock(&engine->mutex);
}

size_t engine_live(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    const size_t live = engine->live_count;
    pthread_mutex_unlock(&engine->mutex);
    return live;
}

void engine_stop(struct engine *engine)
{
    if (!engine)
        return;
    pthread_mutex_lock(&engine->mutex);
    engine->stop = true;
    pthread_mutex_unlock(&engine->mutex);
    wake(engine);
    pthread_join(engine->thread, NULL);
}
