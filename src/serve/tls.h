/*
 * The certificate of the service and its key: none, the files of the settings, or one of its own.
 *
 * "auto" keeps its own beside the database (tls.crt, tls.key, the latter for its owner alone), for
 * this machine's names and addresses, and makes a new one when those have changed or its time is
 * nearly over. Nobody vouches for it: browsers ask, once.
 */
#ifndef SE_SERVE_TLS_H
#define SE_SERVE_TLS_H

#include <gnutls/gnutls.h>

#include "serve/serve_config.h"

struct tls {
    char *cert, *key; /* PEM, owned; NULL: no TLS */
};

/* What libmicrohttpd hands to GnuTLS: TLS 1.2 and 1.3. */
#define TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* SE_ERR_SETTING: a file cannot be read, or the two do not belong together. SE_ERR_IO. */
int tls_load(struct tls *tls, const struct serve_config *config, se_error *err);
void tls_free(struct tls *tls);

/* PEM as GnuTLS takes it; it belongs to `text`. */
gnutls_datum_t tls_datum(const char *text);

#endif
