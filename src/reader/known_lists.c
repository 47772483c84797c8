#include "reader/known_lists.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PATH = 4300 };

struct known_lists {
    pthread_mutex_t mutex;
    char *folder;
    struct {
        char name[KNOWN_NAME_MAX + 1];
        struct known_list *list;
    } all[KNOWN_LISTS_MAX];
    size_t count;
};

int known_lists_create(struct known_lists **out, const char *folder, se_error *err)
{
    struct known_lists *lists = *out = calloc(1, sizeof(*lists));
    if (!lists)
        return se_fail_memory(err, "lists of known serial numbers", sizeof(*lists));
    pthread_mutex_init(&lists->mutex, NULL);
    lists->folder = strdup(folder);
    if (lists->folder)
        return SE_OK;
    known_lists_free(lists);
    *out = NULL;
    return se_fail_memory(err, "lists of known serial numbers", strlen(folder));
}

void known_lists_free(struct known_lists *lists)
{
    if (!lists)
        return;
    for (size_t i = 0; i < lists->count; i++)
        known_list_free(lists->all[i].list);
    free(lists->folder);
    pthread_mutex_destroy(&lists->mutex);
    free(lists);
}

/* A file of the folder itself that is not hidden. */
static bool is_name(const char *name)
{
    const size_t length = strlen(name);
    return length > 0 && length <= KNOWN_NAME_MAX && *name != '.' && !strchr(name, '/');
}

/* The mutex is held. */
static int find_or_read(struct known_lists *lists, const char *name, const struct known_list **out,
                        se_error *err)
{
    char path[MAX_PATH];
    for (size_t i = 0; i < lists->count; i++)
        if (strcmp(lists->all[i].name, name) == 0) {
            *out = lists->all[i].list;
            return SE_OK;
        }
    RETURN_ERROR_IF(lists->count == KNOWN_LISTS_MAX, err, SE_ERR_LIMIT,
                    "known: %d lists are the most that are kept", KNOWN_LISTS_MAX);
    snprintf(path, sizeof(path), "%s/%s", lists->folder, name);
    RETURN_ERROR_IF(access(path, F_OK) != 0, err, SE_ERR_SETTING,
                    "known: there is no list \"%s\" in the folder known_lists", name);
    struct known_list *list;
    FORWARD_IF_ERROR(known_list_open(&list, path, err));
    snprintf(lists->all[lists->count].name, sizeof(lists->all[0].name), "%s", name);
    lists->all[lists->count++].list = list;
    *out = list;
    return SE_OK;
}

int known_lists_get(struct known_lists *lists, const char *name, const struct known_list **out,
                    se_error *err)
{
    *out = NULL;
    RETURN_ERROR_IF(!*lists->folder, err, SE_ERR_SETTING,
                    "known: lists by name need the setting known_lists");
    RETURN_ERROR_IF(!is_name(name), err, SE_ERR_SETTING, "known: \"%.80s\" cannot be a list", name);
    pthread_mutex_lock(&lists->mutex);
    const int status = find_or_read(lists, name, out, err);
    pthread_mutex_unlock(&lists->mutex);
    return status;
}
