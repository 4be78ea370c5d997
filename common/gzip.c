#include "common/gzip.h"

#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

#include "common/memory.h"

#define GZIP_WINDOW  (MAX_WBITS + 16) /* zlib: a gzip member around the deflated bytes */
#define GZIP_LEVEL   9
#define GZIP_OS_UNIX 3
#define PIECE_BYTES  16384
#define FEED_BYTES   ((size_t)1 << 30) /* zlib counts in unsigned int */

/* zlib's input interface is not const; it does not write there. */
static Bytef *input_bytes(const void *bytes)
{
    return (Bytef *)(uintptr_t)bytes;
}

/* Gives the next part of the input to the stream; true if it was the last. */
static bool feed(z_stream *stream, const unsigned char **bytes, size_t *left)
{
    if (!stream->avail_in) {
        size_t part = *left < FEED_BYTES ? *left : FEED_BYTES;
        stream->next_in = input_bytes(*bytes);
        stream->avail_in = (uInt)part;
        *bytes += part;
        *left -= part;
    }
    return !*left;
}

static void take_piece(z_stream *stream, const unsigned char *piece, struct buffer *out)
{
    buffer_add(out, piece, PIECE_BYTES - stream->avail_out);
}

void gzip_compress(const void *bytes, size_t length_bytes, struct buffer *out)
{
    z_stream stream = {0};
    /* Fixed on every machine: a repeated delivery repeats its bytes. */
    gz_header header = {.time = 0, .os = GZIP_OS_UNIX};
    if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, MAX_MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        mem_exhausted();
    deflateSetHeader(&stream, &header);
    const unsigned char *next = bytes;
    unsigned char piece[PIECE_BYTES];
    int code = Z_OK;
    while (code != Z_STREAM_END) {
        bool last = feed(&stream, &next, &length_bytes);
        stream.next_out = piece;
        stream.avail_out = sizeof(piece);
        code = deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
        take_piece(&stream, piece, out);
    }
    deflateEnd(&stream);
}

/* out is empty before. NULL, or why not. */
static const char *expand(z_stream *stream, const unsigned char *bytes, size_t left,
                          size_t max_bytes, struct buffer *out)
{
    unsigned char piece[PIECE_BYTES];
    int code = Z_OK;
    while (code != Z_STREAM_END) {
        feed(stream, &bytes, &left);
        stream->next_out = piece;
        stream->avail_out = sizeof(piece);
        code = inflate(stream, Z_NO_FLUSH);
        if (code == Z_MEM_ERROR)
            mem_exhausted();
        if (code != Z_OK && code != Z_STREAM_END)
            return code == Z_BUF_ERROR ? "cut short" : "damaged";
        if (PIECE_BYTES - stream->avail_out > max_bytes - out->length)
            return "too large";
        take_piece(stream, piece, out);
    }
    return left || stream->avail_in ? "something follows the member" : NULL;
}

int gzip_expand(const void *bytes, size_t length_bytes, size_t max_bytes, struct buffer *out,
                struct error *err)
{
    z_stream stream = {0};
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        mem_exhausted();
    struct buffer content = {0};
    const char *fault = expand(&stream, bytes, length_bytes, max_bytes, &content);
    inflateEnd(&stream);
    if (!fault)
        buffer_add(out, content.bytes, content.length);
    buffer_free(&content);
    return fault ? error_set(err, ERROR_REJECT, "gzip: %s", fault) : 0;
}
