/*
 * The engine with workers that do as their pictures say. This program is both: called with "worker"
 * it is one of them.
 *
 *   "read"     answers            "device"  says that its GPU has failed
 *   "die"      ends               "want N"  asks for N MiB before it answers, and notes in the file
 *   "hang"     never answers                TEST_ENGINE_LOG when it has them
 *   "time T"   says that each stage took T milliseconds
 *   "limit"    answers with the time limit that it was told
 *   "hold"     answers when it is cancelled
 *   "keep"     answers when one that is held is cancelled
 *   "ask N"    the same as "want", without waiting: others are read meanwhile
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/budget.h"
#include "serve/engine.h"
#include "serve/link.h"

enum { MAX_WORKS = 8, MAX_HELD = 8, ASK_MS = 30 };

/* ---- a worker ------------------------------------------------------------------------------- */

static void note(const char *text)
{
    const int file = open(getenv("TEST_ENGINE_LOG"), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0 || write(file, text, strlen(text)) < 0)
        _exit(3);
    close(file);
}

/* Asks, waits, and holds for a while what it got. */
static void take_memory(uint64_t id, const char *text)
{
    const struct timespec pause = {.tv_nsec = 30000000};
    struct link_message message = {.kind = LINK_WANT, .id = id, .size = (uint64_t)atoi(text) << 20};
    int file;
    if (link_send(LINK_FD, &message, -1, NULL) != SE_OK ||
        link_receive(LINK_FD, &message, &file, NULL) != SE_OK || message.kind != LINK_GRANT)
        _exit(4);
    note("(");
    nanosleep(&pause, NULL);
    note(")");
}

/* Ids of those that are held and kept. */
static uint64_t held, kept[MAX_HELD];
static size_t kept_count;

static void answer_kept(uint64_t cancelled)
{
    const struct link_message given_up = {
        .kind = LINK_DONE, .id = held, .status = SE_ERR_CANCELLED};
    int file;
    if (cancelled != held)
        _exit(8);
    link_send(LINK_FD, &given_up, -1, NULL);
    for (size_t i = 0; i < kept_count; i++) {
        const struct link_message done = {.kind = LINK_DONE, .id = kept[i], .size = 2};
        if (link_memory_file(&file, "{}", 2, NULL) != SE_OK)
            _exit(7);
        link_send(LINK_FD, &done, file, NULL);
        close(file);
    }
    held = 0;
    kept_count = 0;
}

/* Ids of those that asked for memory and got it. */
static uint64_t granted[MAX_HELD];
static size_t granted_count;

static void ask_for_memory(uint64_t id, const char *text)
{
    const struct link_message want = {
        .kind = LINK_WANT, .id = id, .size = (uint64_t)atoi(text) << 20};
    if (link_send(LINK_FD, &want, -1, NULL) != SE_OK)
        _exit(4);
}

static void take_grant(uint64_t id)
{
    if (granted_count == MAX_HELD)
        _exit(9);
    note("(");
    granted[granted_count++] = id;
}

static void answer_granted(void)
{
    for (size_t i = 0; i < granted_count; i++) {
        const struct link_message done = {.kind = LINK_DONE, .id = granted[i], .size = 2};
        int file;
        note(")");
        if (link_memory_file(&file, "{}", 2, NULL) != SE_OK)
            _exit(7);
        link_send(LINK_FD, &done, file, NULL);
        close(file);
    }
    granted_count = 0;
}

/* Is it one that is not answered now? */
static bool put_by(const char *text, uint64_t id)
{
    if (strncmp(text, "ask ", 4) == 0)
        ask_for_memory(id, text + 4);
    else if (strcmp(text, "hold") == 0)
        held = id;
    else if (strcmp(text, "keep") == 0 && kept_count < MAX_HELD)
        kept[kept_count++] = id;
    else
        return false;
    return true;
}

static void do_as_told(const struct link_message *task, int file)
{
    struct link_message reply = {.kind = LINK_DONE, .id = task->id, .size = 2};
    char *text;
    int answer = -1;
    if (link_file_read(file, (size_t)task->size, &text, NULL) != SE_OK)
        _exit(5);
    if (put_by(text, task->id)) {
        free(text);
        return;
    }
    if (strcmp(text, "die") == 0)
        _exit(6);
    while (strcmp(text, "hang") == 0)
        pause();
    for (int i = 0; i < STAGE_COUNT && strncmp(text, "time ", 5) == 0; i++)
        reply.stage_ms[i] = atof(text + 5);
    if (strcmp(text, "device") == 0)
        reply.status = SE_ERR_DEVICE;
    if (strncmp(text, "want ", 5) == 0)
        take_memory(task->id, text + 5);
    char number[16] = "{}";
    if (strcmp(text, "limit") == 0)
        reply.size = (uint64_t)snprintf(number, sizeof(number), "%d", task->options.time_limit_ms);
    free(text);
    if (reply.status == SE_OK &&
        link_memory_file(&answer, number, (size_t)reply.size, NULL) != SE_OK)
        _exit(7);
    link_send(LINK_FD, &reply, answer, NULL);
    if (answer >= 0)
        close(answer);
}

/* Waits for a message; those that got memory are answered when none has come for a while. */
static void wait_for_message(void)
{
    struct pollfd front = {.fd = LINK_FD, .events = POLLIN};
    while (granted_count > 0 && poll(&front, 1, ASK_MS) == 0)
        answer_granted();
}

static int worker(void)
{
    struct link_message message = {.kind = LINK_READY};
    int file;
    link_send(LINK_FD, &message, -1, NULL);
    for (wait_for_message(); link_receive(LINK_FD, &message, &file, NULL) == SE_OK;
         wait_for_message()) {
        if (message.kind == LINK_READ)
            do_as_told(&message, file);
        else if (message.kind == LINK_GRANT)
            take_grant(message.id);
        else if (message.kind == LINK_CANCEL)
            answer_kept(message.id);
        if (file >= 0)
            close(file);
    }
    return 0;
}

/* ---- the engine ----------------------------------------------------------------------------- */

struct fixture {
    struct serve_config config;
    struct config_slot slot;
    struct admission *admission;
    struct engine *engine;
    sem_t done;
    struct work works[MAX_WORKS];
    struct work_picture pictures[MAX_WORKS];
};

static void on_done(struct work *work)
{
    struct fixture *fixture = work->context;
    sem_post(&fixture->done);
}

static struct fixture *start_batches(int workers, int most, int64_t delay_ns)
{
    static char *const line[] = {"test_engine", "worker", NULL};
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->config = (struct serve_config){.workers = workers,
                                            .batch_pictures = most,
                                            .batch_delay_ns = delay_ns,
                                            .queue = 10,
                                            .queue_bytes = 1 << 20,
                                            .decode_bytes = 100 << 20,
                                            .deadline_ns = INT64_C(3600000000000),
                                            .stuck_ns = INT64_C(3600000000000),
                                            .refuse_ns = INT64_C(3600000000000)};
    atomic_store(&fixture->slot.now, &fixture->config);
    sem_init(&fixture->done, 0, 0);
    assert_int_equal(admission_create(&fixture->admission, &fixture->slot, NULL), SE_OK);
    assert_int_equal(engine_start(&fixture->engine, &fixture->slot, fixture->admission, line, NULL),
                     SE_OK);
    return fixture;
}

static struct fixture *start(int workers)
{
    return start_batches(workers, 1, 0);
}

static void stop(struct fixture *fixture)
{
    engine_stop(fixture->engine);
    engine_free(fixture->engine);
    admission_free(fixture->admission);
    sem_destroy(&fixture->done);
    free(fixture);
}

/* A work with a deadline (0: none) of so many pictures of one device, or, when `parts` is 0, of
 * one. */
static void submit_work(struct fixture *fixture, int index, const char *text, int parts,
                        int64_t deadline_ns)
{
    struct work *work = &fixture->works[index];
    struct work_picture *picture = &fixture->pictures[index];
    assert_int_equal(work_picture_init(picture, text, strlen(text), NULL, NULL), SE_OK);
    picture->parts = parts;
    *work = (struct work){.pictures = picture,
                          .count = 1,
                          .client = "test",
                          .deadline_ns = deadline_ns,
                          .socket = -1,
                          .context = fixture,
                          .done = on_done,
                          .id = engine_next_id(fixture->engine)};
    engine_submit(fixture->engine, work);
}

static void submit_parts(struct fixture *fixture, int index, const char *text, int parts)
{
    submit_work(fixture, index, text, parts, 0);
}

static void submit_until(struct fixture *fixture, int index, const char *text, int64_t deadline_ns)
{
    submit_work(fixture, index, text, 0, deadline_ns);
}

static void submit(struct fixture *fixture, int index, const char *text)
{
    submit_work(fixture, index, text, 0, 0);
}

/* Waits for a work and tells its code. */
static void expect(struct fixture *fixture, const char *text, const char *code)
{
    submit(fixture, 0, text);
    sem_wait(&fixture->done);
    assert_string_equal(fixture->pictures[0].code, code);
    work_picture_free(&fixture->pictures[0]);
}

static uint64_t restarts(struct fixture *fixture)
{
    struct engine_numbers numbers;
    engine_numbers(fixture->engine, &numbers);
    return numbers.restarts;
}

static void test_reads(void **state)
{
    struct fixture *fixture = start(2);
    (void)state;
    for (int i = 0; i < 5; i++)
        expect(fixture, "read", "");
    assert_int_equal(restarts(fixture), 0);
    stop(fixture);
}

static void test_crash(void **state)
{
    struct fixture *fixture = start(1);
    (void)state;
    expect(fixture, "die", "worker_crashed");
    assert_int_equal(restarts(fixture), 2);
    expect(fixture, "die", "refused");
    expect(fixture, "read", "");
    assert_int_equal(restarts(fixture), 2);
    stop(fixture);
}

static void test_stuck(void **state)
{
    static const int64_t stuck_ns = 200000000;
    struct fixture *fixture = start(1);
    (void)state;
    fixture->config.stuck_ns = stuck_ns;
    int64_t began = clock_now_ns();
    expect(fixture, "hang", "worker_stuck");
    assert_true(clock_now_ns() - began >= 2 * stuck_ns);
    assert_int_equal(restarts(fixture), 2);
    expect(fixture, "hang", "refused");
    expect(fixture, "read", "");
    stop(fixture);
    /* Several pictures of one device have as many times as long. */
    fixture = start(1);
    fixture->config.stuck_ns = stuck_ns;
    began = clock_now_ns();
    submit_parts(fixture, 0, "hang", 3);
    sem_wait(&fixture->done);
    assert_string_equal(fixture->pictures[0].code, "worker_stuck");
    assert_true(clock_now_ns() - began >= 6 * stuck_ns);
    work_picture_free(&fixture->pictures[0]);
    stop(fixture);
}

/* Works of these texts, submitted one after the other while no worker is ready yet; their codes. */
static void expect_all(struct fixture *fixture, int count, const char *const *texts,
                       const char *const *codes)
{
    for (int i = 0; i < count; i++)
        submit(fixture, i, texts[i]);
    for (int i = 0; i < count; i++)
        sem_wait(&fixture->done);
    for (int i = 0; i < count; i++) {
        assert_string_equal(fixture->pictures[i].code, codes[i]);
        work_picture_free(&fixture->pictures[i]);
    }
}

/* Fewer than a batch wait for so long. */
static const int64_t hour_ns = INT64_C(3600000000000);

static struct histogram batches(struct fixture *fixture)
{
    struct engine_numbers numbers;
    engine_numbers(fixture->engine, &numbers);
    return numbers.batch_pictures;
}

static void test_batch(void **state)
{
    static const char *const reads[] = {"read", "read", "read", "read"}, *const none[] = {"", "",
                                                                                          "", ""};
    struct fixture *fixture = start_batches(1, 4, hour_ns);
    (void)state;
    for (uint64_t i = 1; i <= 3; i++) {
        expect_all(fixture, 4, reads, none);
        const struct histogram taken = batches(fixture);
        assert_int_equal(taken.counts[3], i); /* of 4 */
        assert_true(taken.sum > 4 * (double)i - 0.5 && taken.sum < 4 * (double)i + 0.5);
    }
    assert_int_equal(restarts(fixture), 0);
    stop(fixture);
}

/* One that does not get company is read when the delay is over. */
static void test_batch_delay(void **state)
{
    static const int64_t delay_ns = 80000000;
    struct fixture *fixture = start_batches(1, 4, delay_ns);
    (void)state;
    expect(fixture, "read", ""); /* the worker is there */
    const int64_t began = clock_now_ns();
    expect(fixture, "read", "");
    assert_true(clock_now_ns() - began >= delay_ns);
    assert_int_equal(batches(fixture).counts[0], 2);
    stop(fixture);
}

/* The end of a short delay is not missed until the engine's next look round, 100 ms later. */
static void test_batch_delay_is_exact(void **state)
{
    struct fixture *fixture = start_batches(1, 4, 5000000);
    int64_t least = INT64_MAX;
    (void)state;
    for (int i = 0; i < 20; i++) {
        const int64_t began = clock_now_ns();
        expect(fixture, "read", "");
        const int64_t took = clock_now_ns() - began;
        least = took < least ? took : least;
    }
    assert_true(least < 90000000);
    stop(fixture);
}

/* One of a batch is cancelled: the others are not touched, nor is the process. */
static void test_batch_cancel(void **state)
{
    static const char *const texts[] = {"keep", "hold", "read", "keep"}, *const codes[] = {
                                                                             "", "cancelled", "",
                                                                             ""};
    struct fixture *fixture = start_batches(1, 4, hour_ns);
    (void)state;
    for (int i = 0; i < 4; i++)
        submit(fixture, i, texts[i]);
    sem_wait(&fixture->done); /* "read" was: all have been given */
    engine_cancel(fixture->engine, fixture->works[1].id);
    for (int i = 0; i < 3; i++)
        sem_wait(&fixture->done);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(fixture->pictures[i].code, codes[i]);
        work_picture_free(&fixture->pictures[i]);
    }
    assert_int_equal(restarts(fixture), 0);
    stop(fixture);
}

/* One of a batch has a deadline, which passes: the others are not touched, nor is the process. True
 * when all four were in one batch, which they are unless the machine is slower than the deadline.
 */
static bool miss_deadline(int64_t deadline_ns)
{
    static const char *const texts[] = {"read", "hold", "read", "read"}, *const codes[] = {
                                                                             "", "deadline", "",
                                                                             ""};
    struct fixture *fixture = start_batches(1, 4, deadline_ns / 4);
    expect(fixture, "read", ""); /* the worker is there */
    for (int i = 0; i < 4; i++)
        submit_until(fixture, i, texts[i], i == 1 ? clock_now_ns() + deadline_ns : 0);
    for (int i = 0; i < 4; i++)
        sem_wait(&fixture->done);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(fixture->pictures[i].code, codes[i]);
        work_picture_free(&fixture->pictures[i]);
    }
    assert_int_equal(restarts(fixture), 0);
    const bool together = batches(fixture).counts[3] == 1;
    stop(fixture);
    return together;
}

static void test_batch_deadline(void **state)
{
    int64_t deadline_ns = 200000000;
    (void)state;
    while (!miss_deadline(deadline_ns))
        deadline_ns *= 2;
}

/* A GPU fails with a batch: all are tried again, and the one that fails again is not refused. */
static void test_batch_device(void **state)
{
    static const char *const texts[] = {"device", "read", "read", "read"}, *const codes[] = {
                                                                               "device", "", "",
                                                                               ""};
    struct fixture *fixture = start_batches(1, 4, hour_ns);
    (void)state;
    expect_all(fixture, 4, texts, codes);
    assert_int_equal(restarts(fixture), 3);
    expect_all(fixture, 4, texts, codes);
    assert_int_equal(restarts(fixture), 6);
    stop(fixture);
}

/* The process ends with all of a batch; the one that does it again, alone, is blamed. */
static void test_batch_crash(void **state)
{
    static const char *const texts[] = {"read", "die", "read", "read"}, *const codes[] = {
                                                                            "", "worker_crashed",
                                                                            "", ""};
    struct fixture *fixture = start_batches(1, 4, hour_ns);
    (void)state;
    expect_all(fixture, 4, texts, codes);
    assert_int_equal(restarts(fixture), 3);
    /* Three are read side by side without it. */
    static const char *const later[] = {"read", "read", "die", "read"}, *const refused[] = {
                                                                            "", "", "refused", ""};
    expect_all(fixture, 4, later, refused);
    assert_int_equal(restarts(fixture), 3);
    stop(fixture);
}

static void test_batch_stuck(void **state)
{
    static const int64_t stuck_ns = 100000000;
    static const char *const texts[] = {"read", "hang", "read", "read"}, *const codes[] = {
                                                                             "", "worker_stuck", "",
                                                                             ""};
    struct fixture *fixture = start_batches(1, 4, hour_ns);
    (void)state;
    fixture->config.stuck_ns = stuck_ns;
    const int64_t began = clock_now_ns();
    expect_all(fixture, 4, texts, codes);
    assert_true(clock_now_ns() - began >= 6 * stuck_ns); /* four together, then twice alone */
    assert_int_equal(restarts(fixture), 3);
    stop(fixture);
}

/* The time limit that a worker is told for pictures with this one and 10 seconds to the deadline.
 */
static int told_limit(struct fixture *fixture, int limit_ms, int parts)
{
    struct work *work = &fixture->works[0];
    assert_int_equal(work_picture_init(&fixture->pictures[0], "limit", 5, NULL, NULL), SE_OK);
    fixture->pictures[0].parts = parts;
    *work = (struct work){.pictures = fixture->pictures,
                          .count = 1,
                          .client = "test",
                          .options.time_limit_ms = limit_ms,
                          .deadline_ns = clock_now_ns() + INT64_C(10000000000),
                          .socket = -1,
                          .context = fixture,
                          .done = on_done,
                          .id = engine_next_id(fixture->engine)};
    engine_submit(fixture->engine, work);
    sem_wait(&fixture->done);
    assert_string_equal(fixture->pictures[0].code, "");
    const int told = atoi(fixture->pictures[0].text);
    work_picture_free(&fixture->pictures[0]);
    return told;
}

static void test_time_limit(void **state)
{
    struct fixture *fixture = start(1);
    (void)state;
    expect(fixture, "read", ""); /* it is there: it does not cost the deadline */
    assert_int_equal(told_limit(fixture, -1, 0), -1);
    fixture->config.read_limit_ms = 2000;
    assert_int_equal(told_limit(fixture, -1, 0), -1);
    assert_int_equal(told_limit(fixture, 0, 20), 0);
    assert_int_equal(told_limit(fixture, 100, 20), 100);
    assert_in_range(told_limit(fixture, 15000, 0), 5000, 10000);
    assert_in_range(told_limit(fixture, -1, 20), 250, 500);
    stop(fixture);
}

/* What a worker says of its stages is taken as far as it can be true. */
static void test_stages(void **state)
{
    struct fixture *fixture = start(1);
    struct engine_numbers numbers;
    (void)state;
    for (const char *const *lie =
             (const char *const[]){"time 1e300", "time inf", "time nan", "time -5", "time 0", NULL};
         *lie; lie++)
        expect(fixture, *lie, "");
    engine_numbers(fixture->engine, &numbers);
    for (int i = 0; i < STAGE_COUNT; i++)
        assert_true(numbers.stage_seconds[i] <= 0 && numbers.stage_seconds[i] >= 0);
    expect(fixture, "time 0.001", "");
    engine_numbers(fixture->engine, &numbers);
    for (int i = 0; i < STAGE_COUNT; i++)
        assert_true(numbers.stage_seconds[i] > 0 && numbers.stage_seconds[i] < 2e-6);
    assert_int_equal(numbers.read, 6);
    stop(fixture);
}

/* The process is replaced, the picture is tried again there, and is under no suspicion. */
static void test_device(void **state)
{
    struct fixture *fixture = start(1);
    (void)state;
    expect(fixture, "device", "device");
    assert_int_equal(restarts(fixture), 2);
    expect(fixture, "device", "device");
    assert_int_equal(restarts(fixture), 4);
    expect(fixture, "read", "");
    stop(fixture);
}

/* What the workers noted, after works of `text`: so many workers at once, each with up to `most`.
 */
static void run_together(int workers, int most, const char *text, char *log, size_t size)
{
    char path[] = "/tmp/serialeye-engine-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    /* Before the engine: its thread hands the environment to the workers. */
    setenv("TEST_ENGINE_LOG", path, 1);
    struct fixture *fixture = start_batches(workers, most, 0);
    for (int i = 0; i < MAX_WORKS; i++)
        submit(fixture, i, text);
    for (int i = 0; i < MAX_WORKS; i++)
        sem_wait(&fixture->done);
    for (int i = 0; i < MAX_WORKS; i++) {
        assert_string_equal(fixture->pictures[i].code, "");
        work_picture_free(&fixture->pictures[i]);
    }
    const ssize_t got = read(file, log, size - 1);
    assert_int_equal(got, 2 * MAX_WORKS);
    log[got] = '\0';
    close(file);
    unlink(path);
    stop(fixture);
}

static int most_at_once(const char *log)
{
    int now = 0, most = 0;
    for (; *log; log++) {
        now += *log == '(' ? 1 : -1;
        most = now > most ? now : most;
    }
    return most;
}

static void test_memory(void **state)
{
    char log[64];
    (void)state;
    run_together(4, 1, "want 60", log, sizeof(log));
    assert_int_equal(most_at_once(log), 1);
    run_together(4, 1, "want 40", log, sizeof(log));
    assert_in_range(most_at_once(log), 1, 2);
    /* Larger than the budget: alone. */
    run_together(4, 1, "want 500", log, sizeof(log));
    assert_int_equal(most_at_once(log), 1);
}

/* Those of a batch count one by one, as those of several workers do. */
static void test_batch_memory(void **state)
{
    static const int workers[] = {1, 2};
    char log[64];
    (void)state;
    for (size_t i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
        run_together(workers[i], 8, "ask 60", log, sizeof(log));
        assert_int_equal(most_at_once(log), 1);
        run_together(workers[i], 8, "ask 30", log, sizeof(log));
        assert_in_range(most_at_once(log), 1, 3);
        run_together(workers[i], 8, "ask 500", log, sizeof(log));
        assert_int_equal(most_at_once(log), 1);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),          cmocka_unit_test(test_crash),
        cmocka_unit_test(test_stuck),          cmocka_unit_test(test_stages),
        cmocka_unit_test(test_time_limit),     cmocka_unit_test(test_device),
        cmocka_unit_test(test_memory),         cmocka_unit_test(test_batch),
        cmocka_unit_test(test_batch_delay),    cmocka_unit_test(test_batch_crash),
        cmocka_unit_test(test_batch_stuck),    cmocka_unit_test(test_batch_delay_is_exact),
        cmocka_unit_test(test_batch_cancel),   cmocka_unit_test(test_batch_device),
        cmocka_unit_test(test_batch_deadline), cmocka_unit_test(test_batch_memory),
    };
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return worker();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
