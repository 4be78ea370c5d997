#include "tests/support/unit.h"

#include "common/wire/task.h"

static struct json_object *parse(const char *text)
{
    struct error err = {0};
    struct json_object *json = json_parse_object(text, strlen(text), &err);
    assert_string_equal(err.text, "");
    return json;
}

#define NAMES "\"index\":\"mail-2026.11\",\"uuid\":\"uA-_\",\"history\":\"hA-_\","

static const struct row {
    const char *name;
    const char *json;
    enum error_kind kind; /* of the wrong ones */
} same_rows[] = {
    {"range", "{\"v\":1," NAMES "\"shard\":2,\"from\":0,\"to\":4999,\"since\":1795478400000}",
     ERROR_NONE},
    {"the largest range", "{\"v\":1," NAMES "\"shard\":0,\"from\":7,\"to\":2147483653,\"since\":0}",
     ERROR_NONE},
    {"one document", "{\"v\":1," NAMES "\"shard\":0,\"from\":7,\"to\":7,\"since\":0}", ERROR_NONE},
    {"fence", "{\"v\":1,\"fence\":1795478400000}", ERROR_NONE},
    {"fence at 0", "{\"v\":1,\"fence\":0}", ERROR_NONE},
};

static void comes_back(void **state)
{
    const struct row *row = *state;
    struct json_object *json = parse(row->json);
    struct task task;
    struct error err = {0};
    assert_int_equal(task_from_json(json, &task, &err), 0);
    json_object_put(json);
    struct json_object *written = task_to_json(&task);
    char *text = json_write(written);
    assert_string_equal(text, row->json);
    free(text);
    json_object_put(written);
    task_free(&task);
}

static const struct row wrong_rows[] = {
    {"newer version", "{\"v\":2,\"fence\":1}", ERROR_FATAL},
    {"no version", "{\"fence\":1}", ERROR_REJECT},
    {"nothing", "{\"v\":1}", ERROR_REJECT},
    {"fence as text", "{\"v\":1,\"fence\":\"1\"}", ERROR_REJECT},
    {"fence before 1970", "{\"v\":1,\"fence\":-1}", ERROR_REJECT},
    {"empty range", "{\"v\":1," NAMES "\"shard\":0,\"from\":7,\"to\":6,\"since\":0}", ERROR_REJECT},
    {"range without end",
     "{\"v\":1," NAMES "\"shard\":0,\"from\":0,\"to\":9223372036854775807,\"since\":0}",
     ERROR_REJECT},
    {"range up to the last number there is",
     "{\"v\":1," NAMES
     "\"shard\":0,\"from\":9223372036854775807,\"to\":9223372036854775807,\"since\":0}",
     ERROR_REJECT},
    {"range of 2^31", "{\"v\":1," NAMES "\"shard\":0,\"from\":7,\"to\":2147483654,\"since\":0}",
     ERROR_REJECT},
    {"range below 0", "{\"v\":1," NAMES "\"shard\":0,\"from\":-1,\"to\":6,\"since\":0}",
     ERROR_REJECT},
    {"shard below 0", "{\"v\":1," NAMES "\"shard\":-1,\"from\":0,\"to\":6,\"since\":0}",
     ERROR_REJECT},
    {"no since", "{\"v\":1," NAMES "\"shard\":0,\"from\":0,\"to\":6}", ERROR_REJECT},
    {"no history",
     "{\"v\":1,\"index\":\"a\",\"uuid\":\"u\",\"shard\":0,\"from\":0,\"to\":6,\"since\":0}",
     ERROR_REJECT},
    {"empty uuid",
     "{\"v\":1,\"index\":\"a\",\"uuid\":\"\",\"history\":\"h\",\"shard\":0,\"from\":0,\"to\":6,"
     "\"since\":0}",
     ERROR_REJECT},
};

static void is_refused(void **state)
{
    const struct row *row = *state;
    struct json_object *json = parse(row->json);
    struct task task = {.shard = 77};
    struct error err = {0};
    assert_int_equal(task_from_json(json, &task, &err), -1);
    assert_int_equal(err.kind, row->kind);
    assert_int_equal(task.shard, 77);
    assert_null(task.index);
    json_object_put(json);
}

int main(void)
{
    return RUN_ROWS("task comes back", comes_back, same_rows) +
           RUN_ROWS("task is refused", is_refused, wrong_rows);
}
