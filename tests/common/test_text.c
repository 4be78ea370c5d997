#include "tests/support/unit.h"

#include "common/memory.h"
#include "common/text.h"

#define BYTES(literal) literal, sizeof(literal) - 1
#define BAD            "\xef\xbf\xbd"

static const struct clean_row {
    const char *name;
    const char *bytes;
    size_t length;
    size_t max;
    const char *want; /* NULL: nothing is left */
} clean_rows[] = {
    {"plain", BYTES("hello world"), 100, "hello world"},
    {"empty", BYTES(""), 100, NULL},
    {"only blanks", BYTES("   "), 100, NULL},
    {"surrounding blanks", BYTES("  a b  "), 100, "a b"},
    {"controls are removed",
     BYTES("a\tb\nc\x01"
           "d\x7f"
           "e"),
     100, "abcde"},
    {"C1 controls are removed",
     BYTES("a\xc2\x80"
           "b\xc2\x9f"
           "c"),
     100, "abc"},
    {"U+00A0 is no control",
     BYTES("a\xc2\xa0"
           "b"),
     100,
     "a\xc2\xa0"
     "b"},
    {"NUL is a control", BYTES("a\0b"), 100, "ab"},
    {"blanks behind a control", BYTES("\n  a\n "), 100, "a"},
    {"only controls", BYTES("\r\n\0"), 100, NULL},
    {"valid characters of 2, 3, 4 bytes", BYTES("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), 100,
     "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
    {"lone continuation",
     BYTES("a\x80"
           "b"),
     100, "a" BAD "b"},
    {"truncated sequence is one", BYTES("a\xe2\x82"), 100, "a" BAD},
    {"truncated sequence before text", BYTES("\xf0\x9f\x98z"), 100, BAD "z"},
    {"a character that ends beyond the length", "\xe2\x82\xac", 2, 100, BAD},
    {"overlong two bytes are two", BYTES("\xc0\xaf"), 100, BAD BAD},
    {"overlong three bytes are three", BYTES("\xe0\x80\xaf"), 100, BAD BAD BAD},
    {"surrogate is three", BYTES("\xed\xa0\x80"), 100, BAD BAD BAD},
    {"beyond U+10FFFF", BYTES("\xf4\x90\x80\x80"), 100, BAD BAD BAD BAD},
    {"F5 to FF", BYTES("\xf5\xff"), 100, BAD BAD},
    {"Unicode's own example",
     BYTES("a\xf1\x80\x80\xe1\x80\xc2"
           "b\x80"
           "c\x80\xbf"
           "d"),
     100, "a" BAD BAD BAD "b" BAD "c" BAD BAD "d"},
    {"noncharacter U+FFFE", BYTES("\xef\xbf\xbe"), 100, BAD},
    {"noncharacter U+FDD0", BYTES("\xef\xb7\x90"), 100, BAD},
    {"noncharacter U+1FFFF", BYTES("\xf0\x9f\xbf\xbf"), 100, BAD},
    {"U+FDF0 is a character", BYTES("\xef\xb7\xb0"), 100, "\xef\xb7\xb0"},
    {"cut exactly", BYTES("abcdef"), 3, "abc"},
    {"cut between characters", BYTES("ab\xe2\x82\xac"), 4, "ab"},
    {"a character that just fits", BYTES("ab\xe2\x82\xac"), 5, "ab\xe2\x82\xac"},
    {"nothing follows the cut",
     BYTES("ab\xe2\x82\xac"
           "c"),
     4, "ab"},
    {"a blank at the cut is dropped", BYTES("ab cd"), 3, "ab"},
    {"a replacement needs its three bytes", BYTES("ab\xff"), 4, "ab"},
    {"leading blanks do not count", BYTES("    abc"), 3, "abc"},
};

static void cleans(void **state)
{
    const struct clean_row *row = *state;
    char *got = text_clean(row->bytes, row->length, row->max);
    if (row->want)
        assert_string_equal(got, row->want);
    else
        assert_null(got);
    free(got);
}

static const struct utf8_row {
    const char *name;
    const char *bytes;
    size_t length;
    bool want;
} utf8_rows[] = {
    {"utf8: empty", BYTES(""), true},
    {"utf8: ASCII and NUL", BYTES("a\0b"), true},
    {"utf8: first and last of each length",
     BYTES("\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true},
    {"utf8: last before and first after the surrogates", BYTES("\xed\x9f\xbf\xee\x80\x80"), true},
    {"utf8: a genuine U+FFFD", BYTES(BAD), true},
    {"utf8: surrogate", BYTES("\xed\xbf\xbf"), false},
    {"utf8: overlong", BYTES("\xf0\x8f\xbf\xbf"), false},
    {"utf8: cut short", BYTES("a\xc3"), false},
    {"utf8: third byte wrong", BYTES("\xe2\x82\x28"), false},
};

static void judges_utf8(void **state)
{
    const struct utf8_row *row = *state;
    assert_int_equal(text_is_utf8(row->bytes, row->length), row->want);
}

static void takes_characters(void **state)
{
    (void)state;
    uint32_t character = 0;
    assert_int_equal(text_utf8_take(BYTES("\xe2\x82\xac"), &character), 3);
    assert_int_equal(character, 0x20ac);
    assert_int_equal(text_utf8_take(BYTES("\xf0\x9f\x98\x80"), &character), 4);
    assert_int_equal(character, 0x1f600);
    assert_int_equal(text_utf8_take(BYTES("\xf0\x9f\x98"), &character), 3);
    assert_true(character == TEXT_BAD);
}

static void buffer_grows(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    for (int i = 0; i < 1000; i++)
        buffer_printf(&buffer, "%03d", i);
    assert_int_equal(buffer.length, 3000);
    assert_int_equal(strlen(buffer.bytes), 3000);
    assert_memory_equal(buffer.bytes + 2997, "999", 4);
    buffer_clear(&buffer);
    assert_int_equal(buffer.length, 0);
    assert_string_equal(buffer.bytes, "");
    buffer_add(&buffer, "a\0b", 3);
    buffer_text(&buffer, "c");
    assert_int_equal(buffer.length, 4);
    assert_memory_equal(buffer.bytes, "a\0bc", 5);
    buffer_free(&buffer);
    assert_null(buffer.bytes);
}

static void buffer_is_terminated_at_each_size(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    for (size_t i = 1; i <= 300; i++) {
        buffer_add(&buffer, "x", 1);
        assert_int_equal(strlen(buffer.bytes), i);
    }
    buffer_free(&buffer);
}

static void buffer_taken_is_empty(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    char *text = buffer_take(&buffer);
    assert_string_equal(text, "");
    free(text);
    buffer_text(&buffer, "abc");
    text = buffer_take(&buffer);
    assert_string_equal(text, "abc");
    assert_null(buffer.bytes);
    assert_int_equal(buffer.length, 0);
    free(text);
    buffer_add(&buffer, NULL, 0);
    assert_string_equal(buffer.bytes, "");
    buffer_free(&buffer);
}

static void expect_list(struct text_list *list, const char *want)
{
    struct buffer got = {0};
    for (size_t i = 0; i < list->count; i++)
        buffer_printf(&got, "[%s]", list->items[i]);
    char *text = buffer_take(&got);
    assert_string_equal(text, want);
    free(text);
}

static struct text_list split(const char *text)
{
    struct text_list list = {0};
    text_list_split(&list, text);
    return list;
}

static const struct split_row {
    const char *name;
    const char *text;
    const char *want;
} split_rows[] = {
    {"split: empty", "", ""},
    {"split: one", "a", "[a]"},
    {"split: blanks and commas", " a, b\tc,d ", "[a][b][c][d]"},
    {"split: empty items are dropped", ",, ,a,,b, ,", "[a][b]"},
};

static void splits(void **state)
{
    const struct split_row *row = *state;
    struct text_list list = split(row->text);
    expect_list(&list, row->want);
    text_list_free(&list);
}

static void list_sorts_bytewise_and_drops_doubles(void **state)
{
    (void)state;
    struct text_list list = split("b a B \xc3\xa4 b a ab");
    text_list_sort(&list);
    expect_list(&list, "[B][a][a][ab][b][b][\xc3\xa4]");
    text_list_unique(&list);
    expect_list(&list, "[B][a][ab][b][\xc3\xa4]");
    text_list_take(&list, mem_text("z"));
    text_list_add(&list, "yy", 1);
    expect_list(&list, "[B][a][ab][b][\xc3\xa4][z][y]");
    assert_true(text_list_has(&list, "ab"));
    assert_false(text_list_has(&list, "A"));
    text_list_free(&list);
    assert_int_equal(list.count, 0);
    text_list_sort(&list);
    text_list_unique(&list);
    text_list_free(&list);
}

static void list_copy_is_its_own(void **state)
{
    (void)state;
    struct text_list list = split("a b");
    struct text_list copy = {0};
    text_list_copy(&copy, &list);
    text_list_free(&list);
    expect_list(&copy, "[a][b]");
    text_list_free(&copy);
}

static const struct compare_row {
    const char *name;
    const char *a;
    const char *b;
    int want;
} compare_rows[] = {
    {"lists: both empty", "", "", 0},
    {"lists: empty first", "", "a", -1},
    {"lists: equal", "a b", "a b", 0},
    {"lists: the one that ends first", "a", "a b", -1},
    {"lists: item decides before length", "b", "a z", 1},
    {"lists: a prefix of an item", "ab", "a b", 1},
    {"lists: bytes are unsigned", "z", "\xc3\xa4", -1},
};

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void compares_lists(void **state)
{
    const struct compare_row *row = *state;
    struct text_list a = split(row->a);
    struct text_list b = split(row->b);
    assert_int_equal(sign(text_list_compare(&a, &b)), row->want);
    assert_int_equal(sign(text_list_compare(&b, &a)), -row->want);
    text_list_free(&a);
    text_list_free(&b);
}

static void compares_texts(void **state)
{
    (void)state;
    assert_int_equal(text_compare(NULL, NULL), 0);
    assert_true(text_compare(NULL, "") < 0);
    assert_true(text_compare("", NULL) > 0);
    assert_true(text_compare("a", "b") < 0);
    assert_int_equal(text_compare("a", "a"), 0);
}

/* FIPS 180-2, "abc". */
static void hashes(void **state)
{
    (void)state;
    char hex[65];
    text_sha256_hex("abc", 3, 64, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    text_sha256_hex("abc", 3, 8, hex);
    assert_string_equal(hex, "ba7816bf");
    text_hex((const unsigned char *)"\x00\x0f\xf0", 3, hex);
    assert_string_equal(hex, "000ff0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_characters),
        cmocka_unit_test(buffer_grows),
        cmocka_unit_test(buffer_is_terminated_at_each_size),
        cmocka_unit_test(buffer_taken_is_empty),
        cmocka_unit_test(list_sorts_bytewise_and_drops_doubles),
        cmocka_unit_test(list_copy_is_its_own),
        cmocka_unit_test(compares_texts),
        cmocka_unit_test(hashes),
    };
    return RUN_ROWS("text_clean", cleans, clean_rows) +
           RUN_ROWS("text_is_utf8", judges_utf8, utf8_rows) +
           RUN_ROWS("text_list_split", splits, split_rows) +
           RUN_ROWS("text_list_compare", compares_lists, compare_rows) +
           cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
