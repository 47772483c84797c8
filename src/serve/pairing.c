#define _GNU_SOURCE
#include "serve/pairing.h"

#include <nettle/memops.h>
#include <pthread.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "serve/own_names.h"
#include "serve/places.h"

enum { CODE_BYTES = 16, CODE_SIZE = 2 * CODE_BYTES + 1, QUIET = 2 };

struct pairing {
    pthread_mutex_t mutex;
    char keys[PLACE_SIZE];
    int port;
    char code[CODE_SIZE];
};

/* Is the module at (x, y) dark? Outside is the quiet zone. */
static bool is_dark(const QRcode *qr, int x, int y)
{
    return x >= 0 && y >= 0 && x < qr->width && y < qr->width && (qr->data[y * qr->width + x] & 1);
}

/* Two rows of modules in one line of half blocks; light modules are drawn, as most terminals are
 * dark, and colours are set so that the others look the same. */
static void print_qr(const char *text)
{
    static const char *const blocks[2][2] = {{"█", "▀"}, {"▄", " "}};
    QRcode *qr = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    if (!qr)
        return; /* the address stands there as text, too */
    for (int y = -QUIET; y < qr->width + QUIET; y += 2) {
        fputs("\033[97;40m", stdout);
        for (int x = -QUIET; x < qr->width + QUIET; x++)
            fputs(blocks[is_dark(qr, x, y)][is_dark(qr, x, y + 1)], stdout);
        fputs("\033[0m\n", stdout);
    }
    QRcode_free(qr);
}

/* A new code, printed. */
static int renew(struct pairing *pairing, se_error *err)
{
    unsigned char random[CODE_BYTES];
    struct own_names names;
    char address[256];
    RETURN_ERROR_IF(getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random), err, SE_ERR_IO,
                    "the system has no random numbers");
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(pairing->code + 2 * i, 3, "%02x", random[i]);
    own_names_get(&names);
    snprintf(address, sizeof(address), "https://%s:%d/#code=%s", own_names_best(&names),
             pairing->port, pairing->code);
    printf("For a telephone, once: %s\n", address);
    print_qr(address);
    fflush(stdout);
    return SE_OK;
}

int pairing_open(struct pairing **out, const struct serve_config *config, int port, se_error *err)
{
    struct pairing *pairing = *out = calloc(1, sizeof(*pairing));
    if (!pairing)
        return se_fail_memory(err, "the pairing", sizeof(*pairing));
    pthread_mutex_init(&pairing->mutex, NULL);
    pairing->port = port;
    int status = place_of_keys(config->keys, config->place, pairing->keys, err);
    if (status == SE_OK)
        status = renew(pairing, err);
    if (status != SE_OK) {
        pairing_close(pairing);
        *out = NULL;
    }
    return status;
}

void pairing_close(struct pairing *pairing)
{
    if (!pairing)
        return;
    pthread_mutex_destroy(&pairing->mutex);
    free(pairing);
}

static int exchange(struct pairing *pairing, const char *code, bool *good, char name[KEY_NAME_SIZE],
                    char key[KEY_SECRET_SIZE], se_error *err)
{
    struct key wish = {.scope = ACCESS_JOBS};
    *good = strlen(code) == CODE_SIZE - 1 && memeql_sec(code, pairing->code, CODE_SIZE - 1);
    if (!*good)
        return SE_OK;
    /* Nobody learns the code from the name: it is used up. */
    snprintf(name, KEY_NAME_SIZE, "page-%.8s", code);
    memcpy(wish.name, name, KEY_NAME_SIZE);
    FORWARD_IF_ERROR(keys_add(pairing->keys, &wish, key, err));
    return renew(pairing, err);
}

int pairing_exchange(struct pairing *pairing, const char *code, bool *good,
                     char name[KEY_NAME_SIZE], char key[KEY_SECRET_SIZE], se_error *err)
{
    pthread_mutex_lock(&pairing->mutex);
    const int status = exchange(pairing, code, good, name, key, err);
    pthread_mutex_unlock(&pairing->mutex);
    return status;
}
