#define _GNU_SOURCE
#include "serve/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "serve/places.h"

enum { MAX_LINE = 256, MAX_FILE = KEY_MAX_COUNT * MAX_LINE, SECRET_BYTES = 32, FIELDS = 5 };

static const char secret_prefix[] = "se_";

static const struct {
    const char *name;
    enum access_scope scope;
} scopes[] = {{"read", ACCESS_READ}, {"jobs", ACCESS_JOBS}, {"admin", ACCESS_ADMIN}};

const char *key_scope_name(enum access_scope scope)
{
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
        if (scopes[i].scope == scope)
            return scopes[i].name;
    return "none";
}

enum access_scope key_scope(const char *name)
{
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
        if (strcmp(scopes[i].name, name) == 0)
            return scopes[i].scope;
    return ACCESS_OPEN;
}

bool key_name_is_valid(const char *name)
{
    const size_t length = strlen(name);
    return length > 0 && length < KEY_NAME_SIZE &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
               length;
}

bool key_rate(const char *text, int *rate)
{
    char *end;
    const long value = strtol(text, &end, 10);
    *rate = (int)value;
    return *text >= '0' && *text <= '9' && !*end && value <= KEY_MAX_RATE;
}

/* ---- reading -------------------------------------------------------------------------------- */

static int digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool parse_hash(const char *text, unsigned char hash[KEY_HASH_SIZE])
{
    if (strlen(text) != 2 * KEY_HASH_SIZE)
        return false;
    for (size_t i = 0; i < KEY_HASH_SIZE; i++) {
        const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        hash[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool parse_line(char *line, struct key *key)
{
    char *fields[FIELDS], *rest = line;
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = strsep(&rest, " ");
        if (!fields[i])
            return false;
    }
    if (rest || !key_name_is_valid(fields[0]) || strlen(fields[3]) >= KEY_CREATED_SIZE)
        return false;
    memcpy(key->name, fields[0], strlen(fields[0]) + 1);
    memcpy(key->created, fields[3], strlen(fields[3]) + 1);
    key->scope = key_scope(fields[1]);
    return key->scope != ACCESS_OPEN && key_rate(fields[2], &key->rate) &&
           parse_hash(fields[4], key->hash);
}

static size_t find_name(const struct key_list *list, const char *name)
{
    size_t i = 0;
    while (i < list->count && strcmp(list->keys[i].name, name) != 0)
        i++;
    return i;
}

/* `text` is changed. */
static int parse(struct key_list *list, char *text, const char *path, se_error *err)
{
    for (int number = 1; *text; number++) {
        char *line = strsep(&text, "\n");
        struct key key = {.rate = 0};
        RETURN_ERROR_IF(list->count == KEY_MAX_COUNT, err, SE_ERR_SETTING,
                        "keys: %s has more than %d keys", path, KEY_MAX_COUNT);
        RETURN_ERROR_IF(!parse_line(line, &key), err, SE_ERR_SETTING,
                        "keys: %s, line %d, is no key", path, number);
        RETURN_ERROR_IF(find_name(list, key.name) < list->count, err, SE_ERR_SETTING,
                        "keys: %s, line %d: there is a key %s already", path, number, key.name);
        list->keys[list->count++] = key;
        if (!text)
            break;
    }
    return SE_OK;
}

int keys_read(struct key_list *list, const char *path, se_error *err)
{
    struct buffer text;
    *list = (struct key_list){NULL, 0};
    FILE *file = fopen(path, "re");
    if (!file && errno == ENOENT)
        return SE_OK;
    RETURN_ERROR_IF(!file, err, SE_ERR_IO, "keys: %s: %s", path, strerror(errno));
    buffer_init(&text, MAX_FILE);
    int status = file_read_stream(file, path, &text, err);
    fclose(file);
    if (status == SE_OK && text.data && memchr(text.data, '\0', text.size))
        status = se_fail(err, SE_ERR_SETTING, "keys: %s is no text", path);
    if (status == SE_OK)
        status = buffer_append(&text, "", 1, err);
    if (status == SE_OK) {
        list->keys = calloc(KEY_MAX_COUNT, sizeof(*list->keys));
        status = list->keys ? parse(list, text.data, path, err)
                            : se_fail_memory(err, "keys", KEY_MAX_COUNT * sizeof(*list->keys));
    }
    buffer_free(&text);
    if (status != SE_OK)
        keys_free(list);
    return status;
}

void keys_free(struct key_list *list)
{
    free(list->keys);
    *list = (struct key_list){NULL, 0};
}

/* ---- writing -------------------------------------------------------------------------------- */

static int write_all(int file, const struct key_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct key *key = &list->keys[i];
        char line[MAX_LINE];
        int size = snprintf(line, sizeof(line), "%s %s %d %s ", key->name,
                            key_scope_name(key->scope), key->rate, key->created);
        for (size_t k = 0; k < KEY_HASH_SIZE; k++)
            size += snprintf(line + size, sizeof(line) - (size_t)size, "%02x", key->hash[k]);
        line[size++] = '\n';
        if (write(file, line, (size_t)size) != size)
            return -1;
    }
    return fsync(file);
}

/* What root writes belongs to whom the folder belongs to: the service, which must read it. */
static int give_to_owner(int file, const char *path)
{
    char copy[PLACE_SIZE + 8];
    struct stat folder;
    if (geteuid() != 0)
        return 0;
    snprintf(copy, sizeof(copy), "%s", path);
    return stat(dirname(copy), &folder) == 0 ? fchown(file, folder.st_uid, folder.st_gid) : -1;
}

static int replace(const struct key_list *list, const char *path, se_error *err)
{
    char new_path[PLACE_SIZE + 8];
    snprintf(new_path, sizeof(new_path), "%s.new", path);
    const int file = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    RETURN_ERROR_IF(file < 0, err, SE_ERR_IO, "keys: %s: %s", new_path, strerror(errno));
    errno = EIO; /* of a write that was cut short */
    const bool good = give_to_owner(file, path) == 0 && write_all(file, list) == 0;
    int reason = errno;
    close(file);
    if (good && rename(new_path, path) == 0)
        return SE_OK;
    reason = good ? errno : reason;
    unlink(new_path);
    return se_fail(err, SE_ERR_IO, "keys: %s: %s", new_path, strerror(reason));
}

/* Only one program at a time changes the file. Returns the lock, or -1. */
static int lock(const char *path, se_error *err)
{
    char lock_path[PLACE_SIZE + 8];
    snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
    const int file = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file >= 0 && give_to_owner(file, path) == 0 && flock(file, LOCK_EX) == 0)
        return file;
    se_fail(err, SE_ERR_IO, "keys: %s: %s", lock_path, strerror(errno));
    if (file >= 0)
        close(file);
    return -1;
}

static void hash_of(const char *secret, unsigned char hash[KEY_HASH_SIZE])
{
    struct sha256_ctx sha;
    sha256_init(&sha);
    sha256_update(&sha, strlen(secret), (const unsigned char *)secret);
    sha256_digest(&sha, KEY_HASH_SIZE, hash);
}

static int make_secret(char secret[KEY_SECRET_SIZE], se_error *err)
{
    unsigned char random[SECRET_BYTES];
    RETURN_ERROR_IF(getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random), err, SE_ERR_IO,
                    "keys: the system has no random numbers: %s", strerror(errno));
    int size = snprintf(secret, KEY_SECRET_SIZE, "%s", secret_prefix);
    for (size_t i = 0; i < sizeof(random); i++)
        size += snprintf(secret + size, KEY_SECRET_SIZE - (size_t)size, "%02x", random[i]);
    return SE_OK;
}

static int append_key(struct key_list *list, const struct key *wish, const char *secret,
                      se_error *err)
{
    const time_t now = time(NULL);
    struct tm parts;
    RETURN_ERROR_IF(find_name(list, wish->name) < list->count, err, SE_ERR_ARGUMENT,
                    "keys: there is a key %s already", wish->name);
    RETURN_ERROR_IF(list->count == KEY_MAX_COUNT, err, SE_ERR_LIMIT, "keys: %d are the most",
                    KEY_MAX_COUNT);
    if (!list->keys && !(list->keys = calloc(1, sizeof(*list->keys))))
        return se_fail_memory(err, "keys", sizeof(*list->keys));
    struct key *key = &list->keys[list->count++];
    *key = *wish;
    gmtime_r(&now, &parts);
    strftime(key->created, sizeof(key->created), "%Y-%m-%dT%H:%M:%SZ", &parts);
    hash_of(secret, key->hash);
    return SE_OK;
}

int keys_add(const char *path, const struct key *wish, char secret[KEY_SECRET_SIZE], se_error *err)
{
    struct key_list list = {NULL, 0};
    const int locked = lock(path, err);
    int status = locked < 0 ? SE_ERR_IO : keys_read(&list, path, err);
    if (status == SE_OK)
        status = make_secret(secret, err);
    if (status == SE_OK)
        status = append_key(&list, wish, secret, err);
    if (status == SE_OK)
        status = replace(&list, path, err);
    keys_free(&list);
    if (locked >= 0)
        close(locked);
    return status;
}

int keys_remove(const char *path, const char *name, bool *found, se_error *err)
{
    struct key_list list = {NULL, 0};
    const int locked = lock(path, err);
    int status = locked < 0 ? SE_ERR_IO : keys_read(&list, path, err);
    const size_t at = find_name(&list, name);
    *found = at < list.count;
    if (*found) {
        memmove(&list.keys[at], &list.keys[at + 1], (--list.count - at) * sizeof(*list.keys));
        status = replace(&list, path, err);
    }
    keys_free(&list);
    if (locked >= 0)
        close(locked);
    return status;
}

/* ---- finding -------------------------------------------------------------------------------- */

size_t keys_find(const struct key_list *list, const char *secret)
{
    unsigned char hash[KEY_HASH_SIZE];
    size_t found = list->count;
    hash_of(secret, hash);
    for (size_t i = 0; i < list->count; i++)
        if (memeql_sec(hash, list->keys[i].hash, KEY_HASH_SIZE))
            found = i;
    return found;
}
