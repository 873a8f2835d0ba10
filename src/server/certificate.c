#include "server/certificate.h"
#include "base/buf.h"
#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)64 << 10)
#define DAY_MS ((int64_t)86400000)
#define HOST_MAX 253
#define LABEL_MAX 63

/* What is never somebody else's: names kept for local use, private and own addresses. */
#define LOCAL_NAMES                                                                                \
    "critical,permitted;DNS:local,permitted;DNS:home.arpa,permitted;DNS:internal,"                 \
    "permitted;DNS:lan,permitted;DNS:home,permitted;DNS:fritz.box,permitted;DNS:localhost,"        \
    "permitted;IP:10.0.0.0/255.0.0.0,permitted;IP:172.16.0.0/255.240.0.0,"                         \
    "permitted;IP:192.168.0.0/255.255.0.0,permitted;IP:127.0.0.0/255.0.0.0,"                       \
    "permitted;IP:169.254.0.0/255.255.0.0,permitted;IP:100.64.0.0/255.192.0.0,"                    \
    "permitted;IP:fc00::/fe00::,permitted;IP:fe80::/ffc0::,"                                       \
    "permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

struct pair {
    X509 *certificate;
    EVP_PKEY *key;
};

struct work {
    const char *folder;
    const char *const *names;
    int count;
    const struct raum_env *env;
    struct raum_error *error;
    struct pair authority, server;
};

static int failed(struct raum_error *error, const char *what)
{
    char reason[128] = "no reason given";
    unsigned long code = ERR_get_error();
    if (code)
        ERR_error_string_n(code, reason, sizeof reason);
    ERR_clear_error();
    return err_at(error, "certificate", RAUM_EINTERNAL, "%s: %s", what, reason);
}

/* ---- names ---- */

static int family_of(const char *name)
{
    unsigned char address[16];
    return inet_pton(AF_INET, name, address) == 1    ? AF_INET
           : inet_pton(AF_INET6, name, address) == 1 ? AF_INET6
                                                     : 0;
}

bool certificate_name_valid(const char *name)
{
    size_t len = strlen(name), label = 0;
    if (family_of(name))
        return true;
    if (len == 0 || len > HOST_MAX || name[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        bool dot = name[i] == '.',
             letter = strchr("abcdefghijklmnopqrstuvwxyz0123456789-", name[i]);
        if ((!dot && !letter) || (dot && (label == 0 || name[i - 1] == '-')))
            return false;
        label = dot ? 0 : label + 1;
        if (label > LABEL_MAX || (label == 1 && name[i] == '-'))
            return false;
    }
    /* All digits in the last part: an address that is none. */
    const char *last = strrchr(name, '.');
    last = last ? last + 1 : name;
    return label > 0 && name[len - 1] != '-' && strspn(last, "0123456789") != strlen(last);
}

/* Each name as OpenSSL's extensions spell it: "DNS:a", "IP:10.0.0.1"; with `permit` as what an
 * authority may speak for. Names are checked before, so that none can spell a second one. */
static void spell(struct buf *out, const struct work *w, bool permit)
{
    for (int i = 0; i < w->count; i++) {
        int family = family_of(w->names[i]);
        buf_printf(out, "%s%s%s:%s%s", out->len ? "," : "", permit ? "permitted;" : "",
                   family ? "IP" : "DNS", w->names[i],
                   !permit || !family  ? ""
                   : family == AF_INET ? "/255.255.255.255"
                                       : "/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    }
}

/* ---- making ---- */

static bool extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool fine = e && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return fine;
}

/* Version, number, times, subject, key: what both kinds have. */
static bool begin(struct work *w, struct pair *p, const char *subject, int days)
{
    unsigned char number[16];
    time_t from = (time_t)((w->env->now_ms(w->env->ctx) - DAY_MS) / 1000); /* clocks differ */
    w->env->random(w->env->ctx, number, sizeof number);
    number[0] = (unsigned char)((number[0] & 0x7F) | 0x40);
    BIGNUM *big = BN_bin2bn(number, sizeof number, NULL);
    p->key = EVP_EC_gen("P-256");
    p->certificate = X509_new();
    bool fine =
        big && p->key && p->certificate && X509_set_version(p->certificate, 2) == 1 &&
        BN_to_ASN1_INTEGER(big, X509_get_serialNumber(p->certificate)) &&
        ASN1_TIME_set(X509_getm_notBefore(p->certificate), from) &&
        ASN1_TIME_adj(X509_getm_notAfter(p->certificate), from, days, 0) &&
        X509_set_pubkey(p->certificate, p->key) == 1 &&
        X509_NAME_add_entry_by_txt(X509_get_subject_name(p->certificate), "CN", MBSTRING_UTF8,
                                   (const unsigned char *)subject, -1, -1, 0) == 1;
    BN_free(big);
    return fine;
}

static bool sign(struct pair *p, const struct pair *by)
{
    return X509_set_issuer_name(p->certificate, X509_get_subject_name(by->certificate)) == 1 &&
           X509_sign(p->certificate, by->key, EVP_sha256()) > 0;
}

static int make_authority(struct work *w)
{
    struct pair *p = &w->authority;
    char subject[65];
    struct buf constraints;
    snprintf(subject, sizeof subject, "Raum authority of %.40s", w->names[0]);
    buf_init(&constraints, FILE_MAX);
    buf_str(&constraints, LOCAL_NAMES);
    spell(&constraints, w, true);
    int rc = buf_error(&constraints, w->error);
    if (rc == 0 &&
        !(begin(w, p, subject, CERTIFICATE_AUTHORITY_DAYS) &&
          extend(p->certificate, p->certificate, NID_basic_constraints,
                 "critical,CA:TRUE,pathlen:0") &&
          extend(p->certificate, p->certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
          extend(p->certificate, p->certificate, NID_subject_key_identifier, "hash") &&
          extend(p->certificate, p->certificate, NID_name_constraints, buf_text(&constraints)) &&
          sign(p, p)))
        rc = failed(w->error, "the authority");
    buf_release(&constraints);
    return rc;
}

static int make_server(struct work *w)
{
    struct pair *p = &w->server;
    X509 *issuer = w->authority.certificate;
    struct buf names;
    buf_init(&names, FILE_MAX);
    spell(&names, w, false);
    int rc = buf_error(&names, w->error);
    if (rc == 0 && !(begin(w, p, "Raum server", CERTIFICATE_DAYS) &&
                     extend(p->certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                     extend(p->certificate, issuer, NID_key_usage, "critical,digitalSignature") &&
                     extend(p->certificate, issuer, NID_ext_key_usage, "serverAuth") &&
                     extend(p->certificate, issuer, NID_subject_key_identifier, "hash") &&
                     extend(p->certificate, issuer, NID_authority_key_identifier, "keyid") &&
                     extend(p->certificate, issuer, NID_subject_alt_name, buf_text(&names)) &&
                     sign(p, &w->authority)))
        rc = failed(w->error, "the certificate");
    buf_release(&names);
    return rc;
}

/* As a client would see it: an authority made for other names does not get past this. */
static int check(struct work *w)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int rc = 0;
    if (!store || !context || X509_STORE_add_cert(store, w->authority.certificate) != 1 ||
        X509_STORE_CTX_init(context, store, w->server.certificate, NULL) != 1)
        rc = failed(w->error, "checking the certificate");
    else if (X509_verify_cert(context) != 1)
        rc = err_at(w->error, "certificate", RAUM_ENOT_ALLOWED,
                    "the authority that is there cannot vouch for these names: %s",
                    X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return rc;
}

/* ---- files ---- */

static int path_of(struct work *w, const char *name, char out[4096])
{
    int len = snprintf(out, 4096, "%s/%s", w->folder, name);
    return len > 0 && len < 4096 ? 0 : err_set(w->error, RAUM_EUSAGE, "the path is too long");
}

static int write_bio(struct work *w, const char *name, BIO *bio, int mode)
{
    char path[4096], *text;
    int rc = path_of(w, name, path);
    long len = BIO_get_mem_data(bio, &text);
    if (rc == 0)
        rc = w->env->file_write(w->env->ctx, path, text, (size_t)len, mode);
    return rc ? err_set(w->error, rc, "cannot write %s: %s", path, raum_code_text(rc)) : 0;
}

static int write_pair(struct work *w, const struct pair *p, const struct pair *chain,
                      const char *certificate, const char *key)
{
    BIO *open = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_secmem());
    int rc = 0;
    if (!open || !secret || PEM_write_bio_X509(open, p->certificate) != 1 ||
        (chain && PEM_write_bio_X509(open, chain->certificate) != 1) ||
        PEM_write_bio_PrivateKey(secret, p->key, NULL, NULL, 0, NULL, NULL) != 1)
        rc = failed(w->error, "writing the certificate");
    if (rc == 0)
        rc = write_bio(w, key, secret, 0600);
    if (rc == 0)
        rc = write_bio(w, certificate, open, 0644);
    BIO_free(open);
    BIO_free(secret);
    return rc;
}

static int read_bio(struct work *w, const char *name, BIO **out)
{
    char path[4096];
    void *data;
    size_t len;
    int rc = path_of(w, name, path);
    if (rc == 0)
        rc = w->env->file_read(w->env->ctx, path, FILE_MAX, &data, &len);
    if (rc)
        return rc;
    *out = BIO_new(BIO_s_mem());
    if (!*out || BIO_write(*out, data, (int)len) != (int)len)
        rc = RAUM_ENOMEM;
    OPENSSL_cleanse(data, len);
    free(data);
    return rc;
}

/* 0, or NOT_FOUND when there is none yet. */
static int read_authority(struct work *w)
{
    BIO *open = NULL, *secret = NULL;
    int rc = read_bio(w, "authority.pem", &open);
    if (rc == 0) {
        rc = read_bio(w, "authority.key", &secret);
        if (rc == RAUM_ENOT_FOUND) /* devices trust this one: no other takes its place unasked */
            rc =
                err_set(w->error, RAUM_ECORRUPT, "the authority in %s has lost its key", w->folder);
    }
    if (rc == 0) {
        w->authority.certificate = PEM_read_bio_X509(open, NULL, NULL, NULL);
        w->authority.key = PEM_read_bio_PrivateKey(secret, NULL, NULL, "");
        if (!w->authority.certificate || !w->authority.key ||
            X509_check_private_key(w->authority.certificate, w->authority.key) != 1) {
            ERR_clear_error();
            rc = err_set(w->error, RAUM_ECORRUPT,
                         "the authority in %s cannot be read, or its key is another's", w->folder);
        }
    } else if (rc != RAUM_ENOT_FOUND && rc != RAUM_ECORRUPT) {
        err_set(w->error, rc, "cannot read the authority in %s: %s", w->folder, raum_code_text(rc));
    }
    BIO_free(open);
    BIO_free(secret);
    return rc;
}

static int fingerprint(struct work *w, char out[96])
{
    unsigned char digest[32];
    unsigned len = 0;
    if (X509_digest(w->authority.certificate, EVP_sha256(), digest, &len) != 1 || len != 32)
        return failed(w->error, "the fingerprint");
    for (unsigned i = 0; i < len; i++)
        snprintf(out + 3 * i, 4, "%02X%s", digest[i], i + 1 < len ? ":" : "");
    return 0;
}

static int make(struct work *w, bool renew, struct certificate_report *report)
{
    int rc = renew ? RAUM_ENOT_FOUND : read_authority(w);
    report->new_authority = rc == RAUM_ENOT_FOUND;
    if (report->new_authority)
        rc = make_authority(w);
    if (rc == 0)
        rc = make_server(w);
    if (rc == 0)
        rc = check(w);
    if (rc == 0)
        rc = w->env->folder_make(w->env->ctx, w->folder, 0700);
    if (rc == 0 && report->new_authority)
        rc = write_pair(w, &w->authority, NULL, "authority.pem", "authority.key");
    if (rc == 0)
        rc = write_pair(w, &w->server, &w->authority, "server.pem", "server.key");
    return rc ? rc : fingerprint(w, report->fingerprint);
}

int certificate_make(const char *folder, const char *const *names, int count, bool renew,
                     const struct raum_env *env, struct certificate_report *report,
                     struct raum_error *error)
{
    struct work w = {.folder = folder, .names = names, .count = count, .env = env, .error = error};
    *report = (struct certificate_report){0};
    if (count < 1 || count > CERTIFICATE_NAMES_MAX)
        return err_set(error, RAUM_EUSAGE, "one to %d names", CERTIFICATE_NAMES_MAX);
    for (int i = 0; i < count; i++)
        if (!certificate_name_valid(names[i]))
            return err_set(error, RAUM_EUSAGE,
                           "not a host name in lower-case letters nor an address: %s", names[i]);
    int rc = make(&w, renew, report);
    X509_free(w.authority.certificate);
    EVP_PKEY_free(w.authority.key);
    X509_free(w.server.certificate);
    EVP_PKEY_free(w.server.key);
    return rc;
}
