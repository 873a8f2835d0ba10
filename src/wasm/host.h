/* What the host of the WebAssembly module gives: everything that is not arithmetic. The module
 * imports nothing else. Results are 0 (or what is said) or a negative code of <raum/error.h>.
 * Numbers that may be larger than 32 bits travel as double. Texts are UTF-8 with their length.
 *
 * BUSY may mean that the host has to fetch something first (bytes of a picture, argon2id): it
 * remembers what was wanted, gets it, and makes the whole call again. */
#ifndef WASM_HOST_H
#define WASM_HOST_H

#include <stddef.h>
#include <stdint.h>

#define HOST(name) __attribute__((import_module("host"), import_name(#name))) host_##name

double HOST(now)(void); /* ms since 1970 */
void HOST(random)(void *out, size_t len);

void HOST(seal)(unsigned char *out, const void *text, size_t len, const void *ad, size_t ad_len,
                const unsigned char *nonce, const unsigned char *key);
int HOST(open)(unsigned char *out, const void *sealed, size_t len, const void *ad, size_t ad_len,
               const unsigned char *nonce, const unsigned char *key);
void HOST(hash)(unsigned char *out, size_t out_len, const void *data, size_t len,
                const unsigned char *key);
int HOST(stretch)(unsigned char *out, const char *phrase, size_t len, const unsigned char *salt);

enum host_open { HOST_READ = 0, HOST_WRITE = 1, HOST_CREATE = 2 };
int HOST(file_open)(const char *path, size_t len, int flags); /* a number >= 0 */
void HOST(file_close)(int file);
/* Bytes read: fewer than asked at the end of the file. */
int HOST(file_read)(int file, void *out, size_t len, double at);
int HOST(file_write)(int file, const void *data, size_t len, double at);
int HOST(file_truncate)(int file, double size);
int HOST(file_flush)(int file); /* on the disk when it returns */
double HOST(file_size)(int file);

/* out: size, modified ms. Folders: NOT_FOUND. */
int HOST(path_look)(const char *path, size_t len, double out[2]);
int HOST(path_remove)(const char *path, size_t len);
int HOST(path_rename)(const char *from, size_t from_len, const char *to, size_t to_len);
/* Whole, durable, and in the place of what was there, or not at all. */
int HOST(path_write)(const char *path, size_t len, const void *data, size_t data_len);
int HOST(folder_make)(const char *path, size_t len);
int HOST(folder_remove)(const char *path, size_t len); /* EXISTS: not empty */
/* Entries as "f" or "d", name, NUL. Returns the bytes that it takes; written if they fit. */
int HOST(folder_list)(const char *path, size_t len, char *out, size_t max);

#endif
