#include "common/kafka/message.h"

#include "common/kafka/record.h"
#include "common/memory.h"
#include "tests/support/unit.h"

static void test_key_and_value_are_copies_or_absent(void **state)
{
    (void)state;
    char key[] = "a.example";
    struct message *message = message_new("events", 3);
    message_key(message, key);
    key[0] = 'x';
    assert_string_equal(message->key, "a.example");
    message_value(message, "v\0w", 3);
    assert_int_equal(message->value_bytes, 3);
    assert_memory_equal(message->value, "v\0w", 3);
    message_key_bytes(message, NULL, 0);
    message_value(message, NULL, 0); /* a tombstone */
    assert_null(message->key);
    assert_null(message->value);
    assert_int_equal(message->value_bytes, 0);
    assert_int_equal(message->partition, 3);
    message_free(&message);
    assert_null(message);
    message_free(&message);
}

/* A retried delivery sets `attempt` again: two headers of one name would leave it to the reader
 * which counts. */
static void test_header_of_the_same_name_is_replaced(void **state)
{
    (void)state;
    struct message *message = message_new("delay.1m", MESSAGE_ANY_PARTITION);
    message_header(message, "attempt", "1");
    message_header(message, "to", "deliveries.smtp");
    message_header(message, "attempt", "2");
    assert_int_equal(message->header_count, 2);
    assert_string_equal(message->headers[0].text, "2");
    message_free(&message);
}

static void test_list_grows_and_adds_up(void **state)
{
    (void)state;
    struct message_list list = {0};
    size_t bytes = 0;
    for (int i = 0; i < 100; i++) {
        struct message *message = message_new("events", i);
        message_value_take(message, mem_printf("%d", i));
        bytes += message_bytes(message);
        message_list_add(&list, message);
    }
    assert_int_equal(list.count, 100);
    assert_int_equal(list.bytes, bytes);
    assert_int_equal(list.items[99]->partition, 99);
    message_list_free(&list);
    assert_int_equal(list.count, 0);
}

static void test_record_is_forwarded_under_its_key(void **state)
{
    (void)state;
    struct record_header headers[] = {{"attempt", "1"}, {"to", "x"}, {"attempt", "2"}};
    struct record record = {.topic = "delay.1m",
                            .partition = 2,
                            .offset = 17,
                            .key = "host",
                            .key_bytes = 4,
                            .value = "body",
                            .value_bytes = 4,
                            .headers = headers,
                            .header_count = NELEMS(headers)};
    struct message *message = record_forward(&record, "deliveries.https");
    char *origin = record_origin(&record);
    assert_string_equal(origin, "delay.1m/2/17");
    assert_string_equal(message->topic, "deliveries.https");
    assert_string_equal(message->key, "host");
    assert_string_equal(message->value, "body");
    assert_int_equal(message->partition, MESSAGE_ANY_PARTITION);
    assert_null(record_header(&record, "absent"));
    assert_string_equal(record_header(&record, "attempt"), "2"); /* the last one counts */
    assert_int_equal(message->header_count, 2);
    assert_string_equal(message->headers[0].text, "2");
    assert_string_equal(message->headers[1].text, "x");
    message_free(&message);
    free(origin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_and_value_are_copies_or_absent),
        cmocka_unit_test(test_header_of_the_same_name_is_replaced),
        cmocka_unit_test(test_list_grows_and_adds_up),
        cmocka_unit_test(test_record_is_forwarded_under_its_key),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
