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

/* Large pictures are decoded when the front says so, which knows what all workers decode. */
static int wait_for_memory(struct worker *worker, uint64_t id, const void *bytes, size_t size,
                           se_error *err)
{
    uint32_t width, height;
    FORWARD_IF_ERROR(se_measure(worker->reader, bytes, size, &width, &height, err));
    struct link_message want = {
        .kind = LINK_WANT, .id = id, .size = (uint64_t)width * height * BYTES_PER_PIXEL};
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

/* Reads the picture in `file` into an answer's memory file. */
static int read_picture(struct worker *worker, const struct link_message *task, int file,
                        const se_cancel *cancel, struct link_message *reply, int *answer)
{
    se_error err;
    se_result *result = NULL;
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.name = *task->name ? task->name : NULL;
    options.lines = task->options.lines;
    options.time_limit_ms = task->options.time_limit_ms;
    options.pattern = task->options.has_pattern ? task->options.pattern : NULL;
    options.preset = *task->options.preset ? task->options.preset : NULL;
    options.known = *task->options.known ? task->options.known : NULL;
    options.cancel = cancel;
    const size_t size = (size_t)task->size;
    /* The file is sealed: it cannot shrink under the mapping. An empty one cannot be mapped. */
    void *bytes = size > 0 ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0) : NULL;
    int status = bytes == MAP_FAILED ? se_fail_memory(&err, "a picture", size) : SE_OK;
    if (status == SE_OK)
        status = wait_for_memory(worker, task->id, bytes ? bytes : "", size, &err);
    if (status == SE_OK)
        status = se_read(worker->reader, bytes ? bytes : "", size, &options, &result, &err);
    if (bytes && bytes != MAP_FAILED)
        munmap(bytes, size);
    if (status == SE_OK) {
        const char *json = se_result_json(result);
        reply->size = strlen(json);
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
    reply.status = read_picture(worker, &task, file, cancel, &reply, &answer);
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
