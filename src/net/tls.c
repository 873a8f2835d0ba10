#include "net/http_inside.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <unistd.h>

static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "not a PEM file";
}

/* Nobody is asked for a pass phrase: a server starts unattended. */
static int no_phrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto((unsigned char **)out, out_len, ours, sizeof ours - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    return SSL_TLSEXT_ERR_OK;
}

static int load(SSL_CTX *tls, const char *cert, const char *key, struct raum_error *error)
{
    if (access(cert, R_OK) != 0)
        return err_set(error, RAUM_ENOT_FOUND, "the certificate %s cannot be read", cert);
    if (access(key, R_OK) != 0)
        return err_set(error, RAUM_ENOT_FOUND, "the key %s cannot be read", key);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1)
        return err_set(error, RAUM_EUSAGE, "%s holds no certificate: %s", cert, reason());
    if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
            ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH)
            return err_set(error, RAUM_EUSAGE, "the key %s does not belong to the certificate %s",
                           key, cert);
        return err_set(error, RAUM_EUSAGE, "%s holds no key without a pass phrase: %s", key,
                       reason());
    }
    if (SSL_CTX_check_private_key(tls) != 1)
        return err_set(error, RAUM_EUSAGE, "the key %s does not belong to the certificate %s", key,
                       cert);
    return 0;
}

int tls_open(struct ssl_ctx_st **out, const char *cert, const char *key, struct raum_error *error)
{
    *out = NULL;
    if (!cert || !key)
        return err_set(error, RAUM_EUSAGE, "TLS needs both a certificate and its key");
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (!tls)
        return err_set(error, RAUM_ENOMEM, NULL);
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS); /* 34 KB less for each idle connection */
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(tls, no_phrase);
    SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
    int result = load(tls, cert, key, error);
    ERR_clear_error();
    if (result < 0)
        SSL_CTX_free(tls);
    else
        *out = tls;
    return result;
}

void tls_close(struct ssl_ctx_st *tls)
{
    SSL_CTX_free(tls);
}

struct bufferevent *tls_bufferevent(struct event_base *base, struct ssl_ctx_st *tls)
{
    SSL *ssl = SSL_new(tls);
    if (!ssl)
        return NULL;
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (!bev)
        SSL_free(ssl);
    else /* an end without a farewell is an end, not an error */
        bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}
