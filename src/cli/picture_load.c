#include "cli/picture_load.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"

int picture_load(const char *path, struct buffer *out, se_error *err)
{
    buffer_init(out, PICTURE_MAX_BYTES);
    if (strcmp(path, "-") == 0)
        return file_read_stream(stdin, "standard input", out, err);
    FILE *file = fopen(path, "rbe");
    RETURN_ERROR_IF(!file, err, SE_ERR_IO, "%s: %s", path, strerror(errno));
    const int status = file_read_stream(file, path, out, err);
    fclose(file);
    return status;
}
