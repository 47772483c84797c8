/*
 * The caller's thread takes messages, so that a picture can be cancelled while it is read; the
 * others read, each one picture at a time: as many as the setting "jobs" allows, side by side.
 * `mutex` guards all of struct worker but the socket and the reader.
 */
#define _GNU_SOURCE
#include "serve/worker.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/bundle.h"
#include "serve/crew.h"
#include "serve/link.h"
#include "serve/sandbox.h"

enum {
    BYTES_PER_PIXEL = 6, /* while it is decoded: its own form, then RGB */
    FREE_BYTES = 8 << 20 /* nobody is asked for so little */
};
enum { WARM_WIDTH = 320, WARM_HEIGHT = 240, WORKER_NICENESS = 5 };

enum task_state { TASK_NONE, TASK_WAITING, TASK_READING };

struct task {
    enum task_state state;
    struct link_message message;
    int file;     /* its picture */
    bool granted; /* it may be decoded */
    bool cancelled;
    se_cancel *cancel; /* READING */
};

struct worker {
    int link;
    se_reader *reader;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct task tasks[CREW_MOST];
    pthread_t threads[CREW_MOST];
    int thread_count;
    bool stop;
};

/* What a task is about. */
struct pictures {
    void *file; /* mapped; NULL when it is empty */
    size_t size;
    se_picture all[SE_DEVICE_MAX_PICTURES];
    size_t count;
};

/* The file is sealed: it cannot shrink under the mapping. An empty one cannot be mapped. */
static int open_pictures(struct pictures *pictures, const struct link_message *task, int file,
                         se_error *err)
{
    *pictures = (struct pictures){.size = (size_t)task->size, .count = 1};
    if (pictures->size > 0) {
        void *bytes = mmap(NULL, pictures->size, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes == MAP_FAILED)
            return se_fail_memory(err, "a picture", pictures->size);
        pictures->file = bytes;
    }
    if (task->parts > 0)
        return bundle_split(pictures->file, pictures->size, pictures->all, &pictures->count, err);
    pictures->all[0] = (se_picture){pictures->file ? pictures->file : "", pictures->size,
                                    *task->name ? task->name : NULL};
    return SE_OK;
}

static void close_pictures(struct pictures *pictures)
{
    if (pictures->file)
        munmap(pictures->file, pictures->size);
}

/* What the largest picture takes to be decoded: they are decoded one after the other. One alone
 * that is broken fails here. */
static int measure(const struct worker *worker, const struct pictures *pictures, uint64_t *bytes,
                   se_error *err)
{
    *bytes = 0;
    for (size_t i = 0; i < pictures->count; i++) {
        const se_picture *one = &pictures->all[i];
        uint32_t width, height;
        const int status = se_measure(worker->reader, one->bytes, one->size, &width, &height, err);
        const uint64_t needs = status == SE_OK ? (uint64_t)width * height * BYTES_PER_PIXEL : 0;
        if (status != SE_OK && pictures->count == 1)
            return status;
        *bytes = needs > *bytes ? needs : *bytes;
    }
    return SE_OK;
}

/* Large pictures are decoded when the front says so, which knows what all workers decode. */
static int wait_for_memory(struct worker *worker, const struct task *task,
                           const struct pictures *pictures, se_error *err)
{
    struct link_message want = {.kind = LINK_WANT, .id = task->message.id};
    FORWARD_IF_ERROR(measure(worker, pictures, &want.size, err));
    if (want.size < FREE_BYTES)
        return SE_OK;
    FORWARD_IF_ERROR(link_send(worker->link, &want, -1, err));
    pthread_mutex_lock(&worker->mutex);
    while (!task->granted && !task->cancelled && !worker->stop)
        pthread_cond_wait(&worker->changed, &worker->mutex);
    const bool granted = task->granted;
    pthread_mutex_unlock(&worker->mutex);
    RETURN_ERROR_IF(!granted, err, SE_ERR_CANCELLED, "cancelled before it was decoded");
    return SE_OK;
}

static int read_pictures(struct worker *worker, const struct link_message *task,
                         const struct pictures *pictures, const se_cancel *cancel,
                         se_result **result, se_error *err)
{
    se_read_options options = SE_READ_OPTIONS_INIT;
    const se_picture *first = &pictures->all[0];
    options.name = first->name;
    options.lines = task->options.lines;
    options.time_limit_ms = task->options.time_limit_ms;
    options.pattern = task->options.has_pattern ? task->options.pattern : NULL;
    options.preset = *task->options.preset ? task->options.preset : NULL;
    options.known = *task->options.known ? task->options.known : NULL;
    options.cancel = cancel;
    if (task->parts > 0)
        return se_read_device(worker->reader, pictures->all, pictures->count, &options, result,
                              err);
    return se_read(worker->reader, first->bytes, first->size, &options, result, err);
}

static void fill_stages(const se_result *result, struct link_message *reply)
{
    se_stage stage;
    for (size_t i = 0; i < STAGE_COUNT && se_result_stage(result, i, &stage) == SE_OK; i++)
        reply->stage_ms[i] = stage.ms;
}

/* Reads what is in the task's file into an answer's memory file. */
static int answer_task(struct worker *worker, const struct task *task, struct link_message *reply,
                       int *answer)
{
    se_error err;
    se_result *result = NULL;
    struct pictures pictures;
    int status = open_pictures(&pictures, &task->message, task->file, &err);
    if (status == SE_OK)
        status = wait_for_memory(worker, task, &pictures, &err);
    if (status == SE_OK)
        status = read_pictures(worker, &task->message, &pictures, task->cancel, &result, &err);
    close_pictures(&pictures);
    if (status == SE_OK) {
        const char *json = se_result_json(result);
        reply->size = strlen(json);
        fill_stages(result, reply);
        status = link_memory_file(answer, json, (size_t)reply->size, &err);
    }
    se_result_free(result);
    if (status != SE_OK)
        memcpy(reply->message, err.message, sizeof(reply->message));
    return status;
}

/* Reads what `task` holds and answers. The mutex is held on entry and on return. */
static int do_task(struct worker *worker, struct task *task, se_error *err)
{
    FORWARD_IF_ERROR(se_cancel_new(&task->cancel, err));
    task->state = TASK_READING;
    if (task->cancelled)
        se_cancel_set(task->cancel);
    pthread_mutex_unlock(&worker->mutex);

    int answer = -1;
    struct link_message reply = {.kind = LINK_DONE, .id = task->message.id};
    reply.status = answer_task(worker, task, &reply, &answer);
    close(task->file);

    pthread_mutex_lock(&worker->mutex);
    se_cancel_free(task->cancel);
    *task = (struct task){.state = TASK_NONE, .file = -1};
    const int status = link_send(worker->link, &reply, answer, err);
    if (answer >= 0)
        close(answer);
    return status;
}

static struct task *task_in(struct worker *worker, enum task_state state)
{
    for (int i = 0; i < CREW_MOST; i++)
        if (worker->tasks[i].state == state)
            return &worker->tasks[i];
    return NULL;
}

static struct task *task_of(struct worker *worker, uint64_t id)
{
    for (int i = 0; i < CREW_MOST; i++)
        if (worker->tasks[i].state != TASK_NONE && worker->tasks[i].message.id == id)
            return &worker->tasks[i];
    return NULL;
}

static void *reading_thread(void *argument)
{
    struct worker *worker = argument;
    se_error err;
    int status = SE_OK;
    pthread_mutex_lock(&worker->mutex);
    while (!worker->stop && status == SE_OK) {
        struct task *task = task_in(worker, TASK_WAITING);
        if (task)
            status = do_task(worker, task, &err);
        else
            pthread_cond_wait(&worker->changed, &worker->mutex);
    }
    /* Without an answer the front would wait: the end of the process says that there is none. */
    if (status != SE_OK)
        shutdown(worker->link, SHUT_RDWR);
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

static void take_message(struct worker *worker, const struct link_message *message, int file)
{
    pthread_mutex_lock(&worker->mutex);
    struct task *task = task_of(worker, message->id), *room = task_in(worker, TASK_NONE);
    if (message->kind == LINK_READ && file >= 0 && room) {
        *room = (struct task){.state = TASK_WAITING, .message = *message, .file = file};
        file = -1;
    } else if (message->kind == LINK_CANCEL && task) {
        if (task->cancel)
            se_cancel_set(task->cancel);
        task->cancelled = true;
    } else if (message->kind == LINK_GRANT && task) {
        task->granted = true;
    }
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
    if (file >= 0)
        close(file);
}

static void serve_front(struct worker *worker)
{
    struct link_message message;
    int file;
    while (link_receive(worker->link, &message, &file, NULL) == SE_OK)
        take_message(worker, &message, file);
    pthread_mutex_lock(&worker->mutex);
    worker->stop = true;
    for (int i = 0; i < CREW_MOST; i++)
        if (worker->tasks[i].cancel)
            se_cancel_set(worker->tasks[i].cancel);
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

/* How many pictures are read side by side. */
static int jobs_of(const se_settings *settings)
{
    const int jobs = atoi(se_settings_get(settings, "jobs"));
    return jobs < 1 ? 1 : jobs < CREW_MOST ? jobs : CREW_MOST;
}

static int start_threads(struct worker *worker, const se_settings *settings, se_error *err)
{
    const int count = jobs_of(settings);
    while (worker->thread_count < count) {
        RETURN_ERROR_IF(pthread_create(&worker->threads[worker->thread_count], NULL, reading_thread,
                                       worker) != 0,
                        err, SE_ERR_MEMORY, "a reading thread could not be started");
        worker->thread_count++;
    }
    return SE_OK;
}

static void end_threads(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->stop = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
    for (int i = 0; i < worker->thread_count; i++)
        pthread_join(worker->threads[i], NULL);
    for (int i = 0; i < CREW_MOST; i++)
        if (worker->tasks[i].state == TASK_WAITING)
            close(worker->tasks[i].file);
}

/* Libraries that are loaded when they are first needed would not be found in the sandbox. These are
 * the first bytes of a HEIC file, which end too early. */
static void load_libraries(se_reader *reader)
{
    static const uint8_t heic[] = "\0\0\0\x18"
                                  "ftypheic\0\0\0\0mif1heic";
    se_result *result = NULL;
    /* That it fails is certain. */
    if (se_read(reader, heic, sizeof(heic) - 1, NULL, &result, NULL) == SE_OK)
        se_result_free(result);
}

/* The first picture of a process costs more than the others: memory is taken, weights come in. One
 * look does that; there is nothing to be found that would end the search for more. */
static int warm_up(se_reader *reader, bool *on_cpu, se_error *err)
{
    uint8_t *gray = malloc((size_t)WARM_WIDTH * WARM_HEIGHT);
    if (!gray)
        return se_fail_memory(err, "the first picture", (size_t)WARM_WIDTH * WARM_HEIGHT);
    for (size_t i = 0; i < (size_t)WARM_WIDTH * WARM_HEIGHT; i++)
        gray[i] = (uint8_t)(i / 8 % 2 ? 40 : 200);
    const se_pixels pixels = {gray, WARM_WIDTH, WARM_HEIGHT, WARM_WIDTH, SE_PIXELS_GRAY8};
    se_read_options options = SE_READ_OPTIONS_INIT;
    se_result *result = NULL;
    options.time_limit_ms = 1;
    const int status = se_read_pixels(reader, &pixels, &options, &result, err);
    *on_cpu = status == SE_OK && strstr(se_result_json(result), "\"device\":\"cpu\"");
    se_result_free(result);
    free(gray);
    return status;
}

/* The drivers of a GPU need more than the sandbox lets through: there it is left out. */
static int lock_in(const se_settings *settings, se_reader *reader, bool on_cpu, se_error *err)
{
    if (strcmp(se_settings_get(settings, "sandbox"), "true") != 0 || !on_cpu)
        return SE_OK;
    load_libraries(reader);
    return sandbox_enter(*se_settings_get(settings, "known_lists") != '\0', err);
}

/* One thread that reads needs no heap of its own beside the process's, whose memory goes back to
 * the system and comes again less often: 7 % of the time of docs/example.jpg. */
static void share_heap(const se_settings *settings)
{
#ifdef __GLIBC__
    if (jobs_of(settings) == 1)
        mallopt(M_ARENA_MAX, 1);
#else
    (void)settings;
#endif
}

int worker_run(const se_settings *settings, int link, se_error *err)
{
    struct worker worker = {.link = link};
    share_heap(settings);
    /* When the front is killed, nobody needs the answer. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The front answers at once while all cores read. It may fail: then both are equal. */
    setpriority(PRIO_PROCESS, 0, WORKER_NICENESS);
    FORWARD_IF_ERROR(se_open(&worker.reader, settings, err));
    bool on_cpu = false;
    int status = warm_up(worker.reader, &on_cpu, err);
    if (status == SE_OK)
        status = lock_in(settings, worker.reader, on_cpu, err);
    pthread_mutex_init(&worker.mutex, NULL);
    pthread_cond_init(&worker.changed, NULL);
    if (status == SE_OK)
        status = start_threads(&worker, settings, err);
    const struct link_message ready = {.kind = LINK_READY};
    if (status == SE_OK)
        status = link_send(link, &ready, -1, err);
    if (status == SE_OK)
        serve_front(&worker);
    end_threads(&worker);
    pthread_cond_destroy(&worker.changed);
    pthread_mutex_destroy(&worker.mutex);
    se_close(worker.reader);
    return status;
}
