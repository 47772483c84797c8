#include "serve/admission.h"

#include <pthread.h>
#include <stdlib.h>

enum { MAX_RETRY_AFTER_S = 60 };

/* The newest picture's part in the mean. */
static const double weight_of_new = 0.05, first_guess_s = 1;
/* Of the deadline: the estimate is rough. */
static const double part_of_deadline = 0.8;

struct admission {
    pthread_mutex_t mutex;
    const struct config_slot *config;
    struct admission_numbers numbers;
    int pictures;     /* with a deadline, in work or waiting */
    double picture_s; /* mean time of one; 0: none was read yet */
};

int admission_create(struct admission **out, const struct config_slot *config, se_error *err)
{
    struct admission *admission = *out = calloc(1, sizeof(*admission));
    if (!admission)
        return se_fail_memory(err, "the admission", sizeof(*admission));
    pthread_mutex_init(&admission->mutex, NULL);
    admission->config = config;
    return SE_OK;
}

void admission_free(struct admission *admission)
{
    if (!admission)
        return;
    pthread_mutex_destroy(&admission->mutex);
    free(admission);
}

/* Seconds until a picture that comes now would be read. The mutex is held. */
static double wait_s(const struct admission *admission, const struct serve_config *config)
{
    const double each = admission->picture_s > 0 ? admission->picture_s : first_guess_s;
    return each * (admission->pictures + 1) / config->workers;
}

/* The mutex is held. */
static bool refuse(struct admission *admission, int *retry_after_s)
{
    const double wait = wait_s(admission, config_now(admission->config));
    admission->numbers.overloads++;
    *retry_after_s = wait > MAX_RETRY_AFTER_S ? MAX_RETRY_AFTER_S : wait < 1 ? 1 : (int)wait;
    return false;
}

/* Is there a seat, and would who sits there be read in time? One that is read at once always is
 * let in: what it needs is not known. The mutex is held. */
static bool has_seat(const struct admission *admission, const struct serve_config *config)
{
    return admission->numbers.seats < config->queue &&
           (admission->pictures < config->workers || admission->picture_s <= 0 ||
            wait_s(admission, config) < part_of_deadline * 1e-9 * (double)config->deadline_ns);
}

static bool has_bytes(const struct admission *admission, const struct serve_config *config,
                      size_t bytes)
{
    const size_t used = admission->numbers.bytes;
    return used < config->queue_bytes && bytes <= config->queue_bytes - used;
}

bool admission_begin(struct admission *admission, struct admission_hold *hold, size_t announced,
                     int *retry_after_s)
{
    const struct serve_config *config = config_now(admission->config);
    pthread_mutex_lock(&admission->mutex);
    bool good = has_seat(admission, config) && has_bytes(admission, config, announced);
    if (good) {
        hold->uploading = true;
        admission->numbers.uploading++;
    } else {
        good = refuse(admission, retry_after_s);
    }
    pthread_mutex_unlock(&admission->mutex);
    return good;
}

bool admission_grow(struct admission *admission, struct admission_hold *hold, size_t bytes,
                    int *retry_after_s)
{
    pthread_mutex_lock(&admission->mutex);
    bool good = has_bytes(admission, config_now(admission->config), bytes);
    if (good) {
        hold->bytes += bytes;
        admission->numbers.bytes += bytes;
    } else {
        good = refuse(admission, retry_after_s);
    }
    pthread_mutex_unlock(&admission->mutex);
    return good;
}

bool admission_take_seat(struct admission *admission, struct admission_hold *hold,
                         int *retry_after_s)
{
    pthread_mutex_lock(&admission->mutex);
    bool good = has_seat(admission, config_now(admission->config));
    if (good) {
        hold->uploading = false;
        hold->seat = true;
        admission->numbers.uploading--;
        admission->numbers.seats++;
    } else {
        good = refuse(admission, retry_after_s);
    }
    pthread_mutex_unlock(&admission->mutex);
    return good;
}

void admission_end(struct admission *admission, struct admission_hold *hold)
{
    pthread_mutex_lock(&admission->mutex);
    admission->numbers.uploading -= hold->uploading;
    admission->numbers.seats -= hold->seat;
    admission->numbers.bytes -= hold->bytes;
    pthread_mutex_unlock(&admission->mutex);
    *hold = (struct admission_hold){.bytes = 0};
}

void admission_count(struct admission *admission, int pictures)
{
    pthread_mutex_lock(&admission->mutex);
    admission->pictures += pictures;
    pthread_mutex_unlock(&admission->mutex);
}

void admission_learn(struct admission *admission, double seconds)
{
    pthread_mutex_lock(&admission->mutex);
    const double before = admission->picture_s;
    admission->picture_s = before > 0 ? before + weight_of_new * (seconds - before) : seconds;
    pthread_mutex_unlock(&admission->mutex);
}

void admission_numbers(struct admission *admission, struct admission_numbers *out)
{
    pthread_mutex_lock(&admission->mutex);
    *out = admission->numbers;
    pthread_mutex_unlock(&admission->mutex);
}
