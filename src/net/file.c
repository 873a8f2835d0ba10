/* Answers that are files: a piece is read when the last one is nearly gone, between two turns of
 * the loop. */
#define _GNU_SOURCE
#include "net/http_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHOLE_MAX 65536 /* smaller ones are read by the worker and are answers like others */
#define PIECE 131072
#define LOW 32768 /* less unsent than this: the next piece */

struct http_file {
    int fd;
    int64_t at;
    size_t left;
    struct evhttp_request *req; /* while it is sent */
};

void http_file_free(struct http_file *f)
{
    if (!f)
        return;
    if (f->req && !evhttp_request_get_connection(f->req))
        evhttp_request_free(f->req); /* the connection went first: nobody else does */
    close(f->fd);
    free(f);
}

size_t http_file_read(struct http_file *f, void *out, size_t len)
{
    ssize_t n;
    if (len > f->left)
        len = f->left;
    do
        n = len ? pread(f->fd, out, len, f->at) : 0;
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return 0;
    f->at += n;
    f->left -= (size_t)n;
    return (size_t)n;
}

size_t http_answer_len(const struct http_request *q)
{
    return q->file ? q->file->left : q->answer.len;
}

static int read_whole(struct http_request *q, struct http_file *f)
{
    char *room = buf_room(&q->answer, f->left);
    size_t got = 0, n;
    if (!room)
        return RAUM_ENOMEM;
    while ((n = http_file_read(f, room + got, f->left)) > 0)
        got += n;
    q->answer.len += got;
    room[got] = '\0';
    return f->left ? RAUM_EIO : 0;
}

int http_reply_file(struct http_request *q, int status, const char *type, int fd, int64_t at,
                    size_t len)
{
    struct http_file *f = calloc(1, sizeof *f);
    if (!f) {
        close(fd);
        return RAUM_ENOMEM;
    }
    *f = (struct http_file){.fd = fd, .at = at, .left = len};
    int result = http_reply(q, status, type, NULL, 0);
    if (result == 0 && len <= WHOLE_MAX)
        result = read_whole(q, f);
    if (result == 0 && len > WHOLE_MAX) {
        q->file = f;
        return 0;
    }
    http_file_free(f);
    if (result < 0) { /* half an answer is none */
        buf_reset(&q->answer);
        q->status = 0;
    }
    return result;
}

/* ---- on the loop */

bool file_waits(const struct conn *c)
{
    return c->file && c->state == CONN_WRITE &&
           evbuffer_get_length(bufferevent_get_output(c->bev)) < LOW;
}

void file_start(struct conn *c, struct http_request *q, struct evhttp_request *req)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", q->file->left);
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Length", text);
    c->file = q->file;
    c->file->req = req;
    q->file = NULL;
    bufferevent_set_max_single_write(c->bev, PIECE);
    evhttp_send_reply_start(req, q->status, http_status_text(q->status));
}

void file_more(struct conn *c)
{
    struct http_file *f = c->file;
    struct evhttp_request *req = f->req;
    struct evbuffer *piece = evbuffer_new();
    struct evbuffer_iovec room;
    size_t n = 0;
    if (piece && evbuffer_reserve_space(piece, PIECE, &room, 1) == 1) {
        n = http_file_read(f, room.iov_base, room.iov_len < PIECE ? room.iov_len : PIECE);
        room.iov_len = n;
        evbuffer_commit_space(piece, &room, 1);
    }
    bool whole = f->left == 0;
    if (n > 0)
        evhttp_send_reply_chunk(req, piece);
    if (piece)
        evbuffer_free(piece);
    if (n == 0) { /* cut short since, or no memory: what was promised cannot be kept */
        conn_close(c);
        return;
    }
    conn_count(c);
    if (!whole)
        return;
    c->file = NULL;
    f->req = NULL;
    http_file_free(f);
    evhttp_send_reply_end(req);
}
