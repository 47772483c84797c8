#define _GNU_SOURCE
#include "serve/export_xlsx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xlsxwriter.h>

enum { MAX_ROWS = 100000, PAGE_ROWS = 500, MAX_CELL = 32767, COLUMN_COUNT = 14 };

static const struct {
    const char *name;
    double width;
} columns[COLUMN_COUNT] = {
    {"id", 8},     {"at", 24},     {"file", 24},   {"text", 24},   {"corrected", 24},
    {"kind", 10},  {"format", 14}, {"score", 10},  {"status", 10}, {"printed", 24},
    {"error", 14}, {"job", 34},    {"client", 16}, {"sha256", 66},
};

struct sheet {
    lxw_worksheet *worksheet;
    lxw_format *bold;
    uint32_t row; /* the next one; 0 is the header */
    int64_t last_id;
    bool failed;
};

static void put(struct sheet *sheet, uint16_t column, const char *text)
{
    if (text && *text)
        sheet->failed |= worksheet_write_string(sheet->worksheet, sheet->row, column, text, NULL) !=
                         LXW_NO_ERROR;
}

static int take_row(void *context, const struct store_reading *reading, se_error *err)
{
    struct sheet *sheet = context;
    RETURN_ERROR_IF(sheet->row > MAX_ROWS, err, SE_ERR_LIMIT,
                    "more than %d rows; ask for fewer, or for csv", MAX_ROWS);
    const char *const texts[COLUMN_COUNT] = {NULL,
                                             reading->at,
                                             reading->file,
                                             reading->text,
                                             reading->corrected,
                                             reading->kind,
                                             reading->format,
                                             NULL,
                                             reading->status,
                                             reading->printed,
                                             reading->error,
                                             reading->job,
                                             reading->client,
                                             reading->hash};
    sheet->last_id = reading->id;
    sheet->failed |= worksheet_write_number(sheet->worksheet, sheet->row, 0, (double)reading->id,
                                            NULL) != LXW_NO_ERROR;
    for (uint16_t i = 0; i < COLUMN_COUNT; i++)
        put(sheet, i, texts[i] && strlen(texts[i]) <= MAX_CELL ? texts[i] : NULL);
    if (reading->score >= 0)
        sheet->failed |= worksheet_write_number(sheet->worksheet, sheet->row, 7, reading->score,
                                                NULL) != LXW_NO_ERROR;
    sheet->row++;
    return SE_OK;
}

static int fill(struct store *store, const struct store_filter *filter, struct sheet *sheet,
                se_error *err)
{
    struct store_filter page = *filter;
    uint32_t before;
    page.oldest_first = true;
    page.limit = PAGE_ROWS;
    for (uint16_t i = 0; i < COLUMN_COUNT; i++) {
        worksheet_set_column(sheet->worksheet, i, i, columns[i].width, NULL);
        sheet->failed |= worksheet_write_string(sheet->worksheet, 0, i, columns[i].name,
                                                sheet->bold) != LXW_NO_ERROR;
    }
    worksheet_freeze_panes(sheet->worksheet, 1, 0);
    sheet->row = 1;
    do {
        before = sheet->row;
        page.after = sheet->last_id;
        FORWARD_IF_ERROR(store_readings(store, &page, take_row, sheet, err));
    } while (sheet->row - before == PAGE_ROWS);
    RETURN_ERROR_IF(sheet->failed, err, SE_ERR_IO, "the spreadsheet could not be made");
    return SE_OK;
}

/* Writes the workbook to `path`. */
static int write_book(struct store *store, const struct store_filter *filter, const char *path,
                      se_error *err)
{
    /* Rows go to a temporary file as they come. */
    lxw_workbook_options options = {.constant_memory = LXW_TRUE};
    lxw_workbook *book = workbook_new_opt(path, &options);
    if (!book)
        return se_fail_memory(err, "a spreadsheet", 0);
    struct sheet sheet = {.worksheet = workbook_add_worksheet(book, "readings"),
                          .bold = workbook_add_format(book)};
    int status = sheet.worksheet && sheet.bold ? SE_OK : se_fail_memory(err, "a spreadsheet", 0);
    if (status == SE_OK) {
        format_set_bold(sheet.bold);
        status = fill(store, filter, &sheet, err);
    }
    const lxw_error failure = workbook_close(book);
    if (status == SE_OK && failure != LXW_NO_ERROR)
        status = se_fail(err, SE_ERR_IO, "the spreadsheet could not be written: %s",
                         lxw_strerror(failure));
    return status;
}

int export_xlsx(struct store *store, const struct store_filter *filter, int *file, uint64_t *size,
                se_error *err)
{
    char path[512];
    struct stat info;
    const char *folder = getenv("TMPDIR");
    *file = -1;
    snprintf(path, sizeof(path), "%s/serialeye-XXXXXX", folder && *folder ? folder : "/tmp");
    const int made = mkostemp(path, O_CLOEXEC);
    RETURN_ERROR_IF(made < 0, err, SE_ERR_IO, "a temporary file: %s", strerror(errno));
    close(made);
    int status = write_book(store, filter, path, err);
    if (status == SE_OK) {
        *file = open(path, O_RDONLY | O_CLOEXEC);
        if (*file < 0 || fstat(*file, &info) != 0)
            status = se_fail(err, SE_ERR_IO, "a temporary file: %s", strerror(errno));
        else
            *size = (uint64_t)info.st_size;
    }
    unlink(path);
    if (status != SE_OK && *file >= 0) {
        close(*file);
        *file = -1;
    }
    return status;
}
