#include <math.h>

#include "serial/anchors.h"
#include "serial/candidates.h"
#include "serial/chains.h"
#include "serial/constrain.h"
#include "serial/formats.h"
#include "serial/links.h"
#include "serial/output.h"
#include "serial/rank.h"
#include "serial/serial.h"
#include "serial/tokens.h"

/* Probability of all characters being right below which they count as not read at all. */
static const double UNREADABLE = 0.2;

static int find_in(struct work *work, const struct ser_input *input, struct arena *scratch,
                   struct arena *arena, struct ser_output *out, se_error *err)
{
    struct ranking ranking;
    FORWARD_IF_ERROR(work_prepare(work, input, scratch, err));
    FORWARD_IF_ERROR(format_prepare(work, input->formats, input->format_count, err));
    work->decode_effort = CONSTRAIN_EFFORT;
    FORWARD_IF_ERROR(anchors_find(work, err));
    tokens_split(work);
    FORWARD_IF_ERROR(candidates_find(work, err));
    FORWARD_IF_ERROR(chains_find(work, err));
    FORWARD_IF_ERROR(links_find(work, err));
    FORWARD_IF_ERROR(rank_all(work, &ranking, err));
    return output_readings(work, &ranking, arena, out, err);
}

int ser_find(const struct ser_input *input, struct arena *arena, struct ser_output *out,
             se_error *err)
{
    struct arena scratch;
    struct work work;
    *out = (struct ser_output){0};
    arena_init(&scratch, SER_WORK_BYTES);
    const int status = find_in(&work, input, &scratch, arena, out, err);
    arena_free(&scratch);
    if (status != SE_OK)
        *out = (struct ser_output){0};
    return status;
}

enum ser_status ser_status_of(const struct ser_reading *reading, double max_error)
{
    /* Written so that what is not a number is never sure. */
    if (1 - (double)reading->score < max_error)
        return SER_SURE;
    return reading->evidence[EVIDENCE_CERTAIN] > log(UNREADABLE) ? SER_CHECK : SER_UNREADABLE;
}

const char *ser_status_name(enum ser_status status)
{
    switch (status) {
    case SER_SURE:
        return "sure";
    case SER_CHECK:
        return "check";
    case SER_UNREADABLE:
        return "unreadable";
    }
    return "check";
}

const char *ser_known_name(enum ser_known known)
{
    static const char *const names[] = {NULL, "exact", "nearest", "new"};
    return names[known];
}

const char *ser_kind_name(enum ser_kind kind)
{
    switch (kind) {
    case SER_SERIAL:
        return "serial";
    case SER_ASSET:
        return "asset";
    case SER_MAC:
        return "mac";
    case SER_IMEI:
        return "imei";
    case SER_MEID:
        return "meid";
    case SER_ICCID:
        return "iccid";
    case SER_VIN:
        return "vin";
    case SER_CONTAINER:
        return "container";
    case SER_GTIN:
        return "gtin";
    case SER_PART:
        return "part";
    case SER_CODE:
        return "code";
    }
    return "code";
}
