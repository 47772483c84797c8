/*
 * The certificate that new connections get, which can be changed while the server runs.
 *
 *   main thread ── tls_serving_set ──> newest ──> before ──> …
 *   handshake ──── tls_serving_retrieve ──┘
 *
 * A handshake may still use an earlier one: all of them live until the end. One server a process,
 * since GnuTLS hands no context to the callback.
 */
#ifndef SE_SERVE_TLS_SERVING_H
#define SE_SERVE_TLS_SERVING_H

#include <gnutls/abstract.h>

#include "serve/tls.h"

/* New connections get this certificate from now on; `tls` is copied. SE_ERR_SETTING for what is not
 * understood: then the one before stays. One thread. */
int tls_serving_set(const struct tls *tls, se_error *err);

/* For MHD_OPTION_HTTPS_CERT_CALLBACK: a gnutls_certificate_retrieve_function2. Any thread. */
int tls_serving_retrieve(gnutls_session_t session, const gnutls_datum_t *authorities,
                         int authority_count, const gnutls_pk_algorithm_t *algorithms,
                         int algorithm_count, gnutls_pcert_st **certs, unsigned *cert_count,
                         gnutls_privkey_t *key);

/* Frees all of them, when the server has ended. */
void tls_serving_free(void);

#endif
