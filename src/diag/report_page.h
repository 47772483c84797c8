/*
 * A page (HTML, one file, nothing fetched) that shows what an evaluation missed: the pictures, with
 * what was read drawn over them, so that people look rather than read.
 */
#ifndef SE_DIAG_REPORT_PAGE_H
#define SE_DIAG_REPORT_PAGE_H

#include "diag/evaluate.h"

enum { REPORT_MAX_PICTURES = 500, REPORT_SIDE = 1200 };

/*
 * Writes the page to `path`, which is replaced. Pictures are inside it as JPEG, their longer side
 * at most REPORT_SIDE pixels; after REPORT_MAX_PICTURES misses only names follow. The evaluation
 * has kept its results. Errors: SE_ERR_IO, SE_ERR_MEMORY; a file of a part may then be left.
 */
int report_page_write(const struct eval *eval, const se_settings *settings, const char *path,
                      se_error *err);

#endif
