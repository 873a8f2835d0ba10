/* Errors of libraum: one list of codes, used by the library, the command, HTTP and the wire.
 *
 * Every function that can fail returns 0 or one of the negative codes below; iterators return
 * RAUM_END (> 0) at the end. The text is for people, bounded, and never holds a sealed value. */
#ifndef RAUM_ERROR_H
#define RAUM_ERROR_H

#define RAUM_API __attribute__((visibility("default")))

/* X(name, number, exit status of the command, text when nothing better is known).
 * Numbers are frozen: they cross the library's and the WebAssembly boundary. */
#define RAUM_ERRORS(X)                                                                            \
    X(INTERNAL, -1, 1, "an internal check failed")                                                \
    X(NOMEM, -2, 1, "out of memory")                                                              \
    X(IO, -3, 1, "reading or writing failed")                                                     \
    X(FULL, -4, 1, "the disk is full")                                                            \
    X(READ_ONLY, -5, 4, "the file or directory cannot be written")                                \
    X(CORRUPT, -6, 6, "the file is damaged or not a Raum file")                                   \
    X(BUSY, -7, 1, "another process is writing; try again")                                       \
    X(USAGE, -8, 2, "wrong use")                                                                  \
    X(BAD_JSON, -9, 1, "not valid JSON")                                                          \
    X(BAD_SQL, -10, 1, "not a statement that can be run here")                                    \
    X(LIMIT, -11, 1, "a limit of time, memory or rows was reached")                               \
    X(LOCKED, -12, 4, "the key ring is locked")                                                   \
    X(KEY_MISSING, -13, 4, "no key for this value on this device")                                \
    X(EXISTS, -14, 1, "exists already")                                                           \
    X(UNREACHABLE, -15, 5, "cannot be reached")                                                   \
    X(INTERRUPTED, -16, 1, "interrupted")                                                         \
    X(SCOPE_NOT_READY, -32, 4, "no space is set")                                                 \
    X(MODULE_NOT_IN_SPACE, -33, 4, "this module is not part of this type of space")               \
    X(NOT_FOUND, -34, 3, "not found")                                                             \
    X(NOT_ALLOWED, -35, 4, "not allowed")                                                         \
    X(IMMUTABLE_FIELD, -36, 4, "this field never changes once the row exists")                    \
    X(CONSENT_REQUIRED, -37, 4, "the person in the picture has not agreed to its use by AI")      \
    X(SPACE_METADATA_INVALID, -38, 1, "a space needs one of the six types")                       \
    X(SPACE_PERSONAL_UNDELETABLE, -39, 4, "the personal space cannot be deleted")                 \
    X(LAST_OWNER, -40, 4, "the last owner cannot leave")                                          \
    X(BAD_CHANGE, -41, 1, "the change is not valid")                                              \
    X(UNKNOWN_TABLE, -42, 1, "no such table")                                                     \
    X(CLOCK_AHEAD, -43, 1, "the clock of this device is ahead")                                   \
    X(TOO_LARGE, -44, 1, "too large")                                                             \
    X(UNSUPPORTED_MEDIA, -45, 1, "not a picture that can be taken")                               \
    X(NEWER_DATABASE, -46, 6, "the database was made by a newer version of Raum")                 \
    X(RATE_LIMITED, -47, 1, "too many requests")                                                  \
    X(PROVIDER_FAILED, -48, 1, "the provider failed")                                             \
    X(NOT_CONFIGURED, -49, 1, "not configured")

enum raum_code {
    RAUM_OK = 0,
    RAUM_END = 1, /* an iterator has no more items */
#define RAUM_ERROR_ENUM(name, number, status, text) RAUM_E##name = number,
    RAUM_ERRORS(RAUM_ERROR_ENUM)
#undef RAUM_ERROR_ENUM
};

#define RAUM_ERROR_TEXT_MAX 400

struct raum_error {
    int code;           /* 0 or RAUM_E… */
    const char *origin; /* static: where it arose, e.g. "store"; may be NULL */
    char text[RAUM_ERROR_TEXT_MAX];
};

/* "NOT_FOUND" for RAUM_ENOT_FOUND; "OK" for 0; never NULL. Static. */
RAUM_API const char *raum_code_name(int code);
/* The default sentence of a code. Static. */
RAUM_API const char *raum_code_text(int code);
/* The command's exit status for a code (CONTRACT: 0 1 2 3 4 5 6). */
RAUM_API int raum_code_exit(int code);

#endif
