/*
 * Two threads: the caller's takes messages, so that a picture can be cancelled while it is read;
 * the other one reads. `mutex` guards all of struct worker but the socket and the reader.
 */
#define _GNU_SOURCE
#include "serve/worker.h"

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
#include "serve/link.h"
#include "serve/sandbox.h"

enum {
    BYTES_PER_PIXEL = 6, /* while it is decoded: its own form, then RGB */
    FREE_BYTES = 8 << 20 /* nobody is asked for so little */
};
enum { WARM_WIDTH = 320, WARM_HEIGHT = 240, WORKER_NICENESS = 5 };

struct worker {
    int link;
    se_reader *reader;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct link_message task; /* what to read; its kind is 0 when there is nothing */
    int file;                 /* the picture of `task` */
    uint64_t granted;         /* id of the picture that may be decoded */
    bool cancelled;           /* the current one */
    uint64_t current;         /* id of the picture that is being read, 0: none */
    se_cancel *cancel;        /* of that picture */
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
static int wait_for_memory(struct worker *worker, uint64_t id, const struct pictures *pictures,
                           se_error *err)
{
    struct link_message want = {.kind = LINK_WANT, .id = id};
    FORWARD_IF_ERROR(measure(worker, pictures, &want.size, err));
    if (want.size < FREE_BYTES)
        return SE_OK;
    FORWARD_IF_ERROR(link_send(worker->link, &want, -1, err));
    pthread_mutex_lock(&worker->mutex);
    while (worker->granted != id && !worker->cancelled && !worker->stop)
        pthread_cond_wait(&worker->changed, &worker->mutex);
    const bool granted = worker->granted == id;
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

/* Reads what is in `file` into an answer's memory file. */
static int answer_task(struct worker *worker, const struct link_message *task, int file,
                       const se_cancel *cancel, struct link_message *reply, int *answer)
{
    se_error err;
    se_result *result = NULL;
    struct pictures pictures;
    int status = open_pictures(&pictures, task, file, &err);
    if (status == SE_OK)
        status = wait_for_memory(worker, task->id, &pictures, &err);
    if (status == SE_OK)
        status = read_pictures(worker, task, &pictures, cancel, &result, &err);
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
static int do_task(struct worker *worker, se_error *err)
{
    const struct link_message task = worker->task;
    const int file = worker->file;
    se_cancel *cancel;
    worker->task.kind = 0;
    FORWARD_IF_ERROR(se_cancel_new(&cancel, err));
    worker->cancel = cancel;
    worker->cancelled = false;
    worker->current = task.id;
    pthread_mutex_unlock(&worker->mutex);

    int answer = -1;
    struct link_message reply = {.kind = LINK_DONE, .id = task.id};
    reply.status = answer_task(worker, &task, file, cancel, &reply, &answer);
    close(file);

    pthread_mutex_lock(&worker->mutex);
    worker->current = 0;
    worker->cancel = NULL;
    se_cancel_free(cancel);
    const int status = link_send(worker->link, &reply, answer, err);
    if (answer >= 0)
        close(answer);
    return status;
}

static void *reading_thread(void *argument)
{
    struct worker *worker = argument;
    se_error err;
    int status = SE_OK;
    pthread_mutex_lock(&worker->mutex);
    while (!worker->stop && status == SE_OK) {
        if (worker->task.kind == LINK_READ)
            status = do_task(worker, &err);
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
    if (message->kind == LINK_READ && file >= 0 && worker->task.kind == 0) {
        worker->task = *message;
        worker->file = file;
        file = -1;
        pthread_cond_signal(&worker->changed);
    } else if (message->kind == LINK_CANCEL && worker->cancel && worker->current == message->id) {
        se_cancel_set(worker->cancel);
        worker->cancelled = true;
        pthread_cond_broadcast(&worker->changed);
    } else if (message->kind == LINK_GRANT) {
        worker->granted = message->id;
        pthread_cond_broadcast(&worker->changed);
    }
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
    if (worker->cancel)
        se_cancel_set(worker->cancel);
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
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

int worker_run(const se_settings *settings, int link, se_error *err)
{
    struct worker worker = {.link = link, .file = -1};
    pthread_t thread;
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
    const struct link_message ready = {.kind = LINK_READY};
    if (status == SE_OK)
        status = link_send(link, &ready, -1, err);
    if (status == SE_OK && pthread_create(&thread, NULL, reading_thread, &worker) != 0)
        status = se_fail(err, SE_ERR_MEMORY, "the reading thread could not be started");
    if (status == SE_OK) {
        serve_front(&worker);
        pthread_join(thread, NULL);
        if (worker.task.kind == LINK_READ)
            close(worker.file);
    }
    pthread_cond_destroy(&worker.changed);
    pthread_mutex_destroy(&worker.mutex);
    se_close(worker.reader);
    return status;
}
