#include "tests/support/unit.h"

#include "common/gzip.h"
#include "common/memory.h"

#define LARGE_BYTES ((size_t)300000)

/* RFC 1952: magic, deflate, no flags, mtime 0, best compression, Unix; an empty final block; CRC
 * and size 0. */
static const unsigned char empty_member[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3,
                                             3,    0,    0, 0, 0, 0, 0, 0, 0, 0};

static void empty_member_is_as_the_rfc_says(void **state)
{
    (void)state;
    struct buffer out = {0};
    gzip_compress("", 0, &out);
    assert_int_equal(out.length, sizeof(empty_member));
    assert_memory_equal(out.bytes, empty_member, sizeof(empty_member));
    buffer_free(&out);
}

/* CRC-32 of "123456789" is 0xcbf43926: the check value of its definition. */
static void ends_with_crc_and_size(void **state)
{
    (void)state;
    static const unsigned char want[] = {0x26, 0x39, 0xf4, 0xcb, 9, 0, 0, 0};
    struct buffer out = {0};
    gzip_compress("123456789", 9, &out);
    assert_memory_equal(out.bytes, empty_member, 10);
    assert_memory_equal(out.bytes + out.length - sizeof(want), want, sizeof(want));
    buffer_free(&out);
}

static void appends(void **state)
{
    (void)state;
    struct buffer packed = {0}, out = {0};
    struct error err = {0};
    buffer_text(&packed, "x");
    gzip_compress("abc", 3, &packed);
    assert_int_equal(packed.bytes[0], 'x');
    buffer_text(&out, "has ");
    assert_int_equal(gzip_expand(packed.bytes + 1, packed.length - 1, 3, &out, &err), 0);
    assert_string_equal(out.bytes, "has abc");
    buffer_free(&packed);
    buffer_free(&out);
}

/* Numbers that do not repeat, so that both directions take many pieces. */
static char *large_content(void)
{
    char *bytes = mem_alloc(LARGE_BYTES);
    uint32_t number = 1;
    for (size_t i = 0; i < LARGE_BYTES; i++) {
        number = number * 1664525u + 1013904223u;
        bytes[i] = (char)(number >> 24);
    }
    return bytes;
}

static void large_content_comes_back(void **state)
{
    (void)state;
    char *content = large_content();
    struct buffer packed = {0}, again = {0}, out = {0};
    struct error err = {0};
    gzip_compress(content, LARGE_BYTES, &packed);
    gzip_compress(content, LARGE_BYTES, &again);
    assert_int_equal(packed.length, again.length);
    assert_memory_equal(packed.bytes, again.bytes, packed.length);
    assert_int_equal(gzip_expand(packed.bytes, packed.length, LARGE_BYTES, &out, &err), 0);
    assert_int_equal(out.length, LARGE_BYTES);
    assert_memory_equal(out.bytes, content, LARGE_BYTES);
    assert_int_equal(gzip_expand(packed.bytes, packed.length, LARGE_BYTES - 1, &out, &err), -1);
    assert_int_equal(out.length, LARGE_BYTES);
    buffer_free(&packed);
    buffer_free(&again);
    buffer_free(&out);
    free(content);
}

/* A small member that would fill the memory is given up at the limit. */
static void a_bomb_is_refused(void **state)
{
    (void)state;
    char *zeros = mem_alloc(LARGE_BYTES);
    struct buffer packed = {0}, out = {0};
    struct error err = {0};
    gzip_compress(zeros, LARGE_BYTES, &packed);
    assert_true(packed.length < 1000);
    assert_int_equal(gzip_expand(packed.bytes, packed.length, 1000, &out, &err), -1);
    assert_int_equal(err.kind, ERROR_REJECT);
    assert_string_equal(err.text, "gzip: too large");
    assert_int_equal(out.length, 0);
    buffer_free(&packed);
    buffer_free(&out);
    free(zeros);
}

enum damage { NONE, CUT, FLIP, MORE };

static const struct damage_row {
    const char *name;
    enum damage damage;
    int at; /* byte, from the end if negative */
    const char *want;
} damage_rows[] = {
    {"whole", NONE, 0, NULL},
    {"nothing at all", CUT, 0, "gzip: cut short"},
    {"cut in the header", CUT, 5, "gzip: cut short"},
    {"cut in the data", CUT, 14, "gzip: cut short"},
    {"cut before the last byte", CUT, -1, "gzip: cut short"},
    {"no magic", FLIP, 0, "gzip: damaged"},
    {"no deflate", FLIP, 2, "gzip: damaged"},
    {"wrong CRC", FLIP, -8, "gzip: damaged"},
    {"wrong size", FLIP, -1, "gzip: damaged"},
    {"a byte more", MORE, 1, "gzip: something follows the member"},
    {"a second member", MORE, 20, "gzip: something follows the member"},
};

static void damage(struct buffer *packed, const struct damage_row *row)
{
    size_t at = row->at < 0 ? packed->length - (size_t)-row->at : (size_t)row->at;
    if (row->damage == CUT)
        packed->length = at;
    if (row->damage == FLIP)
        packed->bytes[at] ^= 0x55;
    if (row->damage == MORE)
        buffer_add(packed, empty_member, at);
}

static void notices_damage(void **state)
{
    const struct damage_row *row = *state;
    struct buffer packed = {0}, out = {0};
    struct error err = {0};
    buffer_text(&out, "before");
    gzip_compress("a report", 8, &packed);
    damage(&packed, row);
    int result = gzip_expand(packed.bytes, packed.length, 100, &out, &err);
    assert_int_equal(result, row->want ? -1 : 0);
    assert_string_equal(err.text, row->want ? row->want : "");
    assert_string_equal(out.bytes, row->want ? "before" : "beforea report");
    buffer_free(&packed);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_member_is_as_the_rfc_says),
        cmocka_unit_test(ends_with_crc_and_size),
        cmocka_unit_test(appends),
        cmocka_unit_test(large_content_comes_back),
        cmocka_unit_test(a_bomb_is_refused),
    };
    return RUN_ROWS("gzip_expand", notices_damage, damage_rows) +
           cmocka_run_group_tests_name("gzip", tests, NULL, NULL);
}
