#define _GNU_SOURCE
#include "cli/picture_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/status.h"

enum { MAX_DEPTH = 64 }; /* folders inside folders */

struct folder_id {
    dev_t device;
    ino_t inode;
};

/* One walk: the folders that were visited, as a sorted array. */
struct walk {
    struct picture_list *list;
    struct folder_id *visited; /* owned */
    size_t count, capacity;
};

static int out_of_memory(se_error *err)
{
    return se_fail_memory(err, "the list of pictures", 0);
}

/* Takes `path` over, also on failure. `problem` may be NULL. */
static int add_entry(struct picture_list *list, char *path, const se_error *problem, se_error *err)
{
    if (path && list->count == list->capacity) {
        const size_t capacity = list->capacity ? list->capacity * 2 : 64;
        struct picture_entry *grown = reallocarray(list->entries, capacity, sizeof(*grown));
        if (grown) {
            list->entries = grown;
            list->capacity = capacity;
        }
    }
    if (!path || list->count == list->capacity) {
        free(path);
        return out_of_memory(err);
    }
    struct picture_entry *entry = &list->entries[list->count++];
    entry->path = path;
    se_error_clear(&entry->problem);
    if (problem)
        entry->problem = *problem;
    return SE_OK;
}

static int add_problem(struct picture_list *list, const char *path, const char *what, se_error *err)
{
    se_error problem;
    se_fail(&problem, SE_ERR_IO, "%s: %s", path, what);
    return add_entry(list, strdup(path), &problem, err);
}

bool picture_list_is_picture(const char *name)
{
    static const char *const extensions[] = {"jpg",  "jpeg", "jpe", "jfif", "png",
                                             "webp", "heic", "hif", "heif", "avif"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof(extensions) / sizeof(extensions[0]); i++)
        if (strcasecmp(dot + 1, extensions[i]) == 0)
            return true;
    return false;
}

static int compare_ids(const void *a, const void *b)
{
    const struct folder_id *one = a, *two = b;
    if (one->device != two->device)
        return one->device < two->device ? -1 : 1;
    return one->inode < two->inode ? -1 : one->inode > two->inode;
}

/* Notes a folder; *seen when it was visited before. */
static int visit(struct walk *walk, const struct stat *info, bool *seen, se_error *err)
{
    const struct folder_id id = {info->st_dev, info->st_ino};
    size_t low = 0, high = walk->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare_ids(&walk->visited[middle], &id);
        if (order == 0) {
            *seen = true;
            return SE_OK;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (walk->count == walk->capacity) {
        const size_t capacity = walk->capacity ? walk->capacity * 2 : 16;
        struct folder_id *grown = reallocarray(walk->visited, capacity, sizeof(*grown));
        if (!grown)
            return out_of_memory(err);
        walk->visited = grown;
        walk->capacity = capacity;
    }
    memmove(&walk->visited[low + 1], &walk->visited[low],
            (walk->count - low) * sizeof(*walk->visited));
    walk->visited[low] = id;
    walk->count++;
    *seen = false;
    return SE_OK;
}

static int is_not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int walk_folder(struct walk *walk, const char *path, int depth, se_error *err);

/* `path` is owned here. */
static int walk_entry(struct walk *walk, char *path, const char *name, int depth, se_error *err)
{
    struct stat info;
    int status = SE_OK;
    if (!path)
        return out_of_memory(err);
    if (stat(path, &info) != 0) {
        /* A link to nowhere, or gone meanwhile: worth a word only where a picture was promised. */
        if (picture_list_is_picture(name))
            status = add_problem(walk->list, path, strerror(errno), err);
    } else if (S_ISDIR(info.st_mode)) {
        bool seen;
        status = visit(walk, &info, &seen, err);
        if (status == SE_OK && !seen)
            status = walk_folder(walk, path, depth + 1, err);
    } else if (S_ISREG(info.st_mode) && picture_list_is_picture(name)) {
        return add_entry(walk->list, path, NULL, err);
    }
    free(path);
    return status;
}

static int walk_folder(struct walk *walk, const char *path, int depth, se_error *err)
{
    if (depth > MAX_DEPTH)
        return add_problem(walk->list, path, "too many folders inside each other", err);
    struct dirent **names;
    const int count = scandir(path, &names, is_not_hidden, by_bytes);
    if (count < 0 && errno == ENOMEM)
        return out_of_memory(err);
    if (count < 0)
        return add_problem(walk->list, path, strerror(errno), err);
    const char *slash = path[strlen(path) - 1] == '/' ? "" : "/";
    int status = SE_OK;
    for (int i = 0; i < count; i++) {
        char *inside = NULL;
        if (status == SE_OK && asprintf(&inside, "%s%s%s", path, slash, names[i]->d_name) < 0)
            inside = NULL;
        if (status == SE_OK)
            status = walk_entry(walk, inside, names[i]->d_name, depth, err);
        free(names[i]);
    }
    free(names);
    return status;
}

int picture_list_add(struct picture_list *list, const char *path, se_error *err)
{
    struct stat info;
    if (strcmp(path, "-") == 0 || stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return add_entry(list, strdup(path), NULL, err);
    list->searched = true;
    struct walk walk = {.list = list};
    bool seen;
    int status = visit(&walk, &info, &seen, err);
    if (status == SE_OK)
        status = walk_folder(&walk, path, 0, err);
    free(walk.visited);
    return status;
}

void picture_list_free(struct picture_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->entries[i].path);
    free(list->entries);
    *list = (struct picture_list){.entries = NULL};
}
