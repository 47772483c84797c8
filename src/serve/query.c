#include "serve/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct query_names {
    struct request *request;
    const char *names;
};

static bool is_among(const char *names, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = names; *at; at += strspn(at, " ")) {
        const size_t size = strcspn(at, " ");
        if (size == length && memcmp(at, name, size) == 0)
            return true;
        at += size;
    }
    return false;
}

static enum MHD_Result check_one(void *context, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    const struct query_names *query = context;
    if (!is_among(query->names, name))
        request_fail(query->request, "parameter", "there is no parameter \"%.60s\"", name);
    else if (MHD_lookup_connection_value(query->request->connection, kind, name) != value)
        request_fail(query->request, "parameter", "%s is given twice", name);
    return query->request->reply.code ? MHD_NO : MHD_YES;
}

bool query_check(struct request *request, const char *names)
{
    struct query_names query = {request, names};
    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, check_one, &query);
    return !request->reply.code;
}

const char *query_text(const struct request *request, const char *name)
{
    const char *text =
        MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
    return text && *text ? text : NULL;
}

bool query_number(struct request *request, const char *name, int64_t low, int64_t high,
                  int64_t fallback, int64_t *out)
{
    const char *text =
        MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
    char *end;
    *out = fallback;
    if (!text)
        return true;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (errno || *end || (*text != '-' && (*text < '0' || *text > '9')) || value < low ||
        value > high) {
        request_fail(request, "parameter", "%s cannot be \"%.60s\"; it takes %lld to %lld", name,
                     text, (long long)low, (long long)high);
        return false;
    }
    *out = value;
    return true;
}

/*
 * A time or the beginning of one: 2026-01-31, 2026-01-31T12:00, … goes to `out`, *text to it.
 * Without a Z at its end, since times are compared as text: 12:00Z would be later than 12:00:59.
 */
static bool take_time(struct request *request, const char *name, const char **text,
                      char out[STORE_TIME_SIZE])
{
    static const char form[] = "0000-00-00T00:00:00.000";
    static const size_t lengths[] = {4, 7, 10, 13, 16, 19, 23};
    *text = MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
    if (!*text)
        return true;
    size_t length = strlen(*text);
    if (length > 11 && (*text)[length - 1] == 'Z')
        length--;
    bool good = false;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        good |= length == lengths[i];
    for (size_t i = 0; good && i < length; i++)
        good = form[i] == '0' ? (*text)[i] >= '0' && (*text)[i] <= '9' : (*text)[i] == form[i];
    if (!good) {
        request_fail(request, "parameter", "%s cannot be \"%.60s\"; it takes 2026-01-31 or %s",
                     name, *text, "2026-01-31T12:00:00Z");
        return false;
    }
    memcpy(out, *text, length);
    out[length] = '\0';
    *text = out;
    return true;
}

bool query_filter(struct request *request, struct store_filter *filter)
{
    *filter = (struct store_filter){
        .kind = query_text(request, "kind"),
        .status = query_text(request, "status"),
        .search = query_text(request, "q"),
        .job = query_text(request, "job"),
    };
    return take_time(request, "from", &filter->from, request->times[0]) &&
           take_time(request, "to", &filter->to, request->times[1]);
}
