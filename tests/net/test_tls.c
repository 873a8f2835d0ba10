#include "net/client.h"
#include "net/kit.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/raum-tls-XXXXXX";
static char cert[64], key[64], other_key[64], junk[64];
static struct http_server *server;
static int port;

static void write_key(const char *path, EVP_PKEY *pkey)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

/* A self-signed certificate for localhost. */
static void make_files(void)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    assert_non_null(pkey);
    assert_non_null(mkdtemp(folder));
    snprintf(cert, sizeof cert, "%s/cert.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(other_key, sizeof other_key, "%s/other.pem", folder);
    snprintf(junk, sizeof junk, "%s/junk.pem", folder);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, pkey);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                               0);
    X509_set_issuer_name(x, name);
    X509_EXTENSION *alt = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(x, alt, -1);
    X509_EXTENSION_free(alt);
    assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
    FILE *file = fopen(cert, "w");
    PEM_write_X509(file, x);
    fclose(file);
    write_key(key, pkey);
    write_key(other_key, other);
    file = fopen(junk, "w");
    fputs("this is no PEM file\n", file);
    fclose(file);
    X509_free(x);
    EVP_PKEY_free(pkey);
    EVP_PKEY_free(other);
}

static int start(void **state)
{
    struct http_options o = kit_options();
    (void)state;
    make_files();
    o.tls_cert = cert;
    o.tls_key = key;
    o.header_ms = 600;
    server = kit_start(&o);
    port = http_port(server);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http_stop(server, 2000);
    unlink(cert);
    unlink(key);
    unlink(other_key);
    unlink(junk);
    rmdir(folder);
    return 0;
}

static int run(const char *url, const char *ca, const void *body, size_t len,
               struct client_answer *answer, struct raum_error *error)
{
    struct client *c;
    struct client_request q = {.method = body ? "POST" : "GET",
                               .url = url,
                               .ca_file = ca,
                               .body = body,
                               .body_len = len,
                               .timeout_ms = 5000};
    assert_int_equal(client_new(&c, error), 0);
    int result = client_run(c, &q, answer, error);
    client_free(c);
    return result;
}

static void test_https(void **state)
{
    struct client_answer answer;
    struct raum_error error;
    char url[64];
    (void)state;
    snprintf(url, sizeof url, "https://localhost:%d/echo?a", port);
    if (run(url, cert, NULL, 0, &answer, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(buf_text(&answer.body), "tls=1"));
    client_answer_release(&answer);
    static char big[1000000];
    assert_int_equal(run(url, cert, big, sizeof big, &answer, &error), 0);
    assert_non_null(strstr(buf_text(&answer.body), "body=1000000"));
    client_answer_release(&answer);
    snprintf(url, sizeof url, "https://localhost:%d/big/3000000", port);
    assert_int_equal(run(url, cert, NULL, 0, &answer, &error), 0);
    assert_int_equal(answer.body.len, 3000000);
    client_answer_release(&answer);
}

static void test_certificate_refused(void **state)
{
    struct client_answer answer;
    struct raum_error error;
    char url[64];
    (void)state;
    snprintf(url, sizeof url, "https://localhost:%d/echo", port);
    assert_int_equal(run(url, NULL, NULL, 0, &answer, &error), RAUM_EUNREACHABLE);
    assert_non_null(strstr(error.text, "certificate"));
    client_answer_release(&answer);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/echo", port); /* not the name it is for */
    assert_int_equal(run(url, cert, NULL, 0, &answer, &error), RAUM_EUNREACHABLE);
    assert_non_null(strstr(error.text, "certificate"));
    client_answer_release(&answer);
}

static SSL *handshake(int fd, int version, SSL_CTX **ctx)
{
    *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(*ctx, version);
    SSL_CTX_set_max_proto_version(*ctx, version);
    SSL_CTX_set_security_level(*ctx, 0);
    SSL *ssl = SSL_new(*ctx);
    SSL_set_fd(ssl, fd);
    return ssl;
}

static void test_versions(void **state)
{
    static const struct {
        int version;
        bool taken;
    } all[] = {{TLS1_VERSION, false},
               {TLS1_1_VERSION, false},
               {TLS1_2_VERSION, true},
               {TLS1_3_VERSION, true}};
    (void)state;
    for (int i = 0; i < 4; i++) {
        SSL_CTX *ctx;
        int fd = kit_connect(port);
        SSL *ssl = handshake(fd, all[i].version, &ctx);
        assert_int_equal(SSL_connect(ssl) == 1, all[i].taken);
        ERR_clear_error();
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        close(fd);
    }
}

/* Requests in one record, one in many; a refusal arrives over TLS too. */
static void test_records(void **state)
{
    static const char two[] = "GET /echo HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\n"
                              "Host: a\r\n\r\nGET /%00 HTTP/1.1\r\nHost: a\r\n\r\n";
    char text[4096];
    SSL_CTX *ctx;
    (void)state;
    for (int part = 1; part < 200; part += 66) {
        int fd = kit_connect(port), used = 0;
        SSL *ssl = handshake(fd, TLS1_3_VERSION, &ctx);
        assert_int_equal(SSL_connect(ssl), 1);
        for (int at = 0; at < (int)sizeof two - 1; at += part)
            assert_true(
                SSL_write(ssl, two + at,
                          at + part < (int)sizeof two - 1 ? part : (int)sizeof two - 1 - at) > 0);
        for (int n = 1; n > 0 && used < (int)sizeof text - 1; used += n > 0 ? n : 0)
            n = SSL_read(ssl, text + used, (int)sizeof text - 1 - used);
        text[used] = '\0';
        assert_non_null(strstr(text, " 200 OK"));
        assert_non_null(strstr(text, " 500 "));
        assert_non_null(strstr(text, " 400 "));
        ERR_clear_error();
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        close(fd);
    }
}

static void test_garbage(void **state)
{
    static char noise[20000];
    bool closed;
    (void)state;
    srand(1);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)rand();
    for (int i = 0; i < 40; i++) { /* noise, plain HTTP, a hello that breaks off */
        int fd = kit_connect(port);
        if (i % 4 == 0)
            kit_send(fd, noise + i, 1 + (size_t)i * 400);
        else if (i % 4 == 1)
            kit_say(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        else if (i % 4 == 2)
            kit_send(fd, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
        if (i % 4 < 2) {
            free(kit_read(fd, 1000, NULL, &closed));
            assert_true(closed);
        }
        close(fd);
    }
    /* one that says nothing, and one that never ends its handshake */
    int silent = kit_connect(port), half = kit_connect(port);
    kit_send(half, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    free(kit_read(silent, 1500, NULL, &closed));
    assert_true(closed);
    free(kit_read(half, 500, NULL, &closed));
    assert_true(closed);
    close(silent);
    close(half);
    test_https(state);
}

/* Handshakes that are begun and left lying cost much: the oldest give way, newcomers get in. */
static void test_many_handshakes(void **state)
{
    int fds[1100], closed = 0;
    (void)state;
    for (int i = 0; i < 1100; i++) {
        fds[i] = kit_connect(port);
        if (i % 2)
            kit_send(fds[i], "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    }
    kit_sleep(50);
    test_https(state);
    for (int i = 0; i < 1100; i++) {
        char byte;
        closed += recv(fds[i], &byte, 1, MSG_DONTWAIT) == 0;
        close(fds[i]);
    }
    assert_true(closed >= 100);
}

static void start_fails(const char *c, const char *k, int code, const char *words)
{
    struct http_options o = kit_options();
    struct http_server *s;
    struct raum_error error = {0};
    o.tls_cert = c;
    o.tls_key = k;
    assert_int_equal(http_start(&s, &o, &error), code);
    if (!strstr(error.text, words))
        fail_msg("%s", error.text);
}

static void test_bad_files(void **state)
{
    (void)state;
    start_fails(cert, NULL, RAUM_EUSAGE, "both");
    start_fails(NULL, key, RAUM_EUSAGE, "both");
    start_fails("/nowhere/cert.pem", key, RAUM_ENOT_FOUND, "/nowhere/cert.pem cannot be read");
    start_fails(cert, "/nowhere/key.pem", RAUM_ENOT_FOUND, "/nowhere/key.pem cannot be read");
    start_fails(junk, key, RAUM_EUSAGE, "holds no certificate");
    start_fails(cert, junk, RAUM_EUSAGE, "holds no key");
    start_fails(cert, other_key, RAUM_EUSAGE, "does not belong to the certificate");
    start_fails(key, cert, RAUM_EUSAGE, "holds no certificate");
}

static void test_stream(void **state)
{
    char text[1024];
    SSL_CTX *ctx;
    int fd = kit_connect(port), used = 0;
    (void)state;
    SSL *ssl = handshake(fd, TLS1_3_VERSION, &ctx);
    assert_int_equal(SSL_connect(ssl), 1);
    SSL_write(ssl, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n", 34);
    struct http_stream *s = kit_take_stream();
    assert_int_equal(http_stream_send(s, "data: 1\n\n", 9), 0);
    do {
        int n = SSL_read(ssl, text + used, (int)sizeof text - 1 - used);
        assert_true(n > 0);
        text[used += n] = '\0';
    } while (!strstr(text, "data: 1"));
    http_stream_close(s);
    http_stream_unref(s);
    while (SSL_read(ssl, text, sizeof text) > 0) /* the chunk's end, then the connection's */
        continue;
    ERR_clear_error();
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_https),     cmocka_unit_test(test_certificate_refused),
        cmocka_unit_test(test_versions),  cmocka_unit_test(test_records),
        cmocka_unit_test(test_garbage),   cmocka_unit_test(test_many_handshakes),
        cmocka_unit_test(test_bad_files), cmocka_unit_test(test_stream),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
