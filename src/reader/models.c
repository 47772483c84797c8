#define _GNU_SOURCE
#include "reader/models.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LICENSES "rapidocr-3.10.0.dist-info/licenses/"

const struct model_file model_files[MODEL_FILE_COUNT] = {
    {"PP-OCRv6_det_small.onnx", "rapidocr/models/PP-OCRv6_det_small.onnx", 9929594,
     "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f", "detector"},
    {"PP-OCRv6_rec_small.onnx", "rapidocr/models/PP-OCRv6_rec_small.onnx", 21234383,
     "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884", "recognizer"},
    {"LICENSE.txt", LICENSES "LICENSE", 11422,
     "3e0af25fdd06aa9586ae97adb00ea927ebe5a3805ac77d2d3a81ce5f55693333", "licence"},
    {"MODEL_LICENSES.md", LICENSES "MODEL_LICENSES.md", 8398,
     "c5fd0e8603d3df743355b546121e6fe0f4ef8ff455c5a85c1681fd3ae520e153", "licence"},
};

/* ---- folders -------------------------------------------------------------------------------- */

/* Adds <base>/<rest>, unless it is there already; a relative base is passed over, as the XDG base
 * directory specification asks. */
static int add_folder(struct model_folders *folders, const char *base, size_t length,
                      const char *rest, se_error *err)
{
    if (length == 0 || base[0] != '/' || folders->count == MODEL_MAX_FOLDERS)
        return SE_OK;
    while (length > 1 && base[length - 1] == '/')
        length--;
    char *path;
    if (asprintf(&path, "%.*s/%s", (int)length, base, rest) < 0)
        return se_fail_memory(err, "the path of a models folder", length);
    for (int i = 0; i < folders->count; i++) {
        if (strcmp(folders->path[i], path) == 0) {
            free(path);
            return SE_OK;
        }
    }
    folders->path[folders->count++] = path;
    return SE_OK;
}

static const char *environment_or(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static int find_folders(struct model_folders *folders, se_error *err)
{
    static const char rest[] = "serialeye/models";
    const char *home = environment_or("HOME", "");
    const char *data_home = environment_or("XDG_DATA_HOME", "");
    if (*data_home)
        FORWARD_IF_ERROR(add_folder(folders, data_home, strlen(data_home), rest, err));
    else
        FORWARD_IF_ERROR(
            add_folder(folders, home, strlen(home), ".local/share/serialeye/models", err));
    for (const char *at = environment_or("XDG_DATA_DIRS", "/usr/local/share:/usr/share");; at++) {
        const size_t length = strcspn(at, ":");
        FORWARD_IF_ERROR(add_folder(folders, at, length, rest, err));
        at += length;
        if (!*at)
            break;
    }
    return add_folder(folders, SE_DATA_FOLDER, strlen(SE_DATA_FOLDER), rest, err);
}

int model_folders_find(const struct settings_values *values, struct model_folders *out,
                       se_error *err)
{
    *out = (struct model_folders){.count = 0};
    int status = SE_OK;
    if (values->models[0]) {
        out->path[0] = strdup(values->models);
        if (out->path[0])
            out->count = 1;
        else
            status = se_fail_memory(err, "the path of the models folder", strlen(values->models));
    } else {
        status = find_folders(out, err);
    }
    if (status != SE_OK)
        model_folders_free(out);
    return status;
}

void model_folders_free(struct model_folders *folders)
{
    for (int i = 0; i < folders->count; i++)
        free(folders->path[i]);
    *folders = (struct model_folders){.count = 0};
}

/* ---- files ---------------------------------------------------------------------------------- */

static int not_found(const struct model_file *file, const struct model_folders *folders,
                     se_error *err)
{
    RETURN_ERROR_IF(folders->count == 0, err, SE_ERR_MODEL,
                    "%s: no models folder is known: set models, or HOME", file->name);
    return se_fail(err, SE_ERR_MODEL, "%s is not in %s%s: run \"serialeye models fetch\"",
                   file->name, folders->path[0],
                   folders->count > 1 ? " nor in the other data folders" : "");
}

static int search_folders(const struct model_folders *folders, const struct model_file *file,
                          char **out, se_error *err)
{
    for (int i = 0; i < folders->count; i++) {
        char *path;
        struct stat info;
        if (asprintf(&path, "%s/%s", folders->path[i], file->name) < 0)
            return se_fail_memory(err, "the path of a model", strlen(folders->path[i]));
        if (stat(path, &info) == 0) {
            *out = path;
            return SE_OK;
        }
        free(path);
    }
    return not_found(file, folders, err);
}

int model_locate(const struct settings_values *values, int model, char **out, bool *own,
                 se_error *err)
{
    *out = NULL;
    const char *given = model == MODEL_DETECTOR ? values->detector : values->recognizer;
    *own = given[0] != '\0';
    if (*own) {
        *out = strdup(given);
        return *out ? SE_OK : se_fail_memory(err, "the path of a model", strlen(given));
    }
    struct model_folders folders;
    FORWARD_IF_ERROR(model_folders_find(values, &folders, err));
    const int status = search_folders(&folders, &model_files[model], out, err);
    model_folders_free(&folders);
    return status;
}

static int find_one(const struct settings_values *values, int model, char **out, se_error *err)
{
    bool own;
    FORWARD_IF_ERROR(model_locate(values, model, out, &own, err));
    const struct model_file *file = &model_files[model];
    struct stat info;
    if (own || stat(*out, &info) != 0 || (uint64_t)info.st_size == file->size)
        return SE_OK; /* what cannot be examined fails with its own reason when it is opened */
    return se_fail(err, SE_ERR_MODEL,
                   "%s has %jd bytes, %" PRIu64 " expected: run \"serialeye models fetch\"", *out,
                   (intmax_t)info.st_size, file->size);
}

int models_find(const struct settings_values *values, struct model_paths *out, se_error *err)
{
    *out = (struct model_paths){NULL, NULL};
    int status = find_one(values, MODEL_DETECTOR, &out->detector, err);
    if (status == SE_OK)
        status = find_one(values, MODEL_RECOGNIZER, &out->recognizer, err);
    if (status != SE_OK)
        model_paths_free(out);
    return status;
}

void model_paths_free(struct model_paths *paths)
{
    free(paths->detector);
    free(paths->recognizer);
    *paths = (struct model_paths){NULL, NULL};
}
