/* wasi-libc's printf can complain on stderr. There is none, and no system behind it: these stand in
 * the place of the three imports, so that the module asks for nothing but its host. */
#include <stdint.h>

#define BAD_FILE 8 /* WASI's EBADF */

int32_t __imported_wasi_snapshot_preview1_fd_close(int32_t file);
int32_t __imported_wasi_snapshot_preview1_fd_seek(int32_t file, int64_t by, int32_t from,
                                                  int32_t out);
int32_t __imported_wasi_snapshot_preview1_fd_write(int32_t file, int32_t parts, int32_t count,
                                                   int32_t out);

int32_t __imported_wasi_snapshot_preview1_fd_close(int32_t file)
{
    (void)file;
    return BAD_FILE;
}

int32_t __imported_wasi_snapshot_preview1_fd_seek(int32_t file, int64_t by, int32_t from,
                                                  int32_t out)
{
    (void)file, (void)by, (void)from, (void)out;
    return BAD_FILE;
}

int32_t __imported_wasi_snapshot_preview1_fd_write(int32_t file, int32_t parts, int32_t count,
                                                   int32_t out)
{
    (void)file, (void)parts, (void)count, (void)out;
    return BAD_FILE;
}
