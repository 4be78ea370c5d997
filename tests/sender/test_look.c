#include "sender/look.h"

#include <stdio.h>

#include "common/kafka/record.h"
#include "common/kafka/table.h"
#include "common/memory.h"
#include "common/program.h"
#include "tests/support/capture.h"
#include "tests/support/unit.h"

#define VALUE                                                                                      \
    "{\"v\":1,\"domain\":\"policy.example\",\"day\":\"2026-11-24\",\"state\":\"delivered\","       \
    "\"code\":201,\"reason\":\"delivered\",\"attempts\":1,\"at\":1795600000000,\"next\":0}"
#define LINE(id)                                                                                   \
    "{\"report-id\":\"" id "\",\"target\":\"mailto:tls@a.example\","                               \
    "\"v\":1,\"domain\":\"policy.example\",\"day\":\"2026-11-24\",\"state\":\"delivered\","        \
    "\"code\":201,\"reason\":\"delivered\",\"attempts\":1,\"at\":1795600000000,\"next\":0}\n"

/* What the topic holds, in place of the broker's. */
static const struct held {
    const char *key, *value;
} held[] = {
    {"id-3 mailto:tls@a.example", VALUE},
    {"id-1 mailto:tls@a.example", "an older value"},
    {"id-2 mailto:tls@a.example", "no value"},
    {"id-4 mailto:tls@a.example", "{\"v\":1}"},
    {"id-5\nkey", VALUE},
    {"id-6 mailto:tls@a.example", VALUE},
    {"id-1 mailto:tls@a.example", VALUE},
    {"id-6 mailto:tls@a.example", NULL},
};

int table_read_all(const struct config *config, const char *topic, table_visit *visit,
                   void *context, struct error *err)
{
    (void)config;
    assert_string_equal(topic, "outcomes");
    for (size_t i = 0; i < NELEMS(held); i++) {
        struct record record = {.key = held[i].key, .key_bytes = strlen(held[i].key)};
        record.value = held[i].value;
        record.value_bytes = held[i].value ? strlen(held[i].value) : 0;
        assert_int_equal(visit(context, &record, err), 0);
    }
    return 0;
}

static int outcomes(char *out, char *log, size_t room_bytes)
{
    struct error err = {0};
    int error_saved;
    struct config *config = config_new(CONFIG_SENDER);
    int output = memfd_create("stdout", MFD_CLOEXEC), output_saved = dup(STDOUT_FILENO);
    int error = capture_begin(&error_saved);
    fflush(stdout);
    dup2(output, STDOUT_FILENO);
    int code = look_outcomes(config, 0, NULL, &err);
    fflush(stdout);
    dup2(output_saved, STDOUT_FILENO);
    close(output_saved);
    ssize_t length = pread(output, out, room_bytes - 1, 0);
    out[length > 0 ? length : 0] = '\0';
    close(output);
    capture_end(error, error_saved, log, room_bytes);
    config_free(&config);
    return code;
}

/* Each that can be read, in the order of their keys; the others are named where nobody takes them
 * for a line. */
static void one_bad_outcome_hides_no_other(void **state)
{
    (void)state;
    char out[4096], log[4096];
    assert_int_equal(outcomes(out, log, sizeof(out)), PROGRAM_OK);
    assert_string_equal(out, LINE("id-1") LINE("id-3"));
    assert_non_null(strstr(log, "key=\"id-2 mailto:tls@a.example\""));
    assert_non_null(strstr(log, "key=\"id-4 mailto:tls@a.example\""));
    assert_non_null(strstr(log, "key=\"id-5\\x0akey\""));
    assert_null(strstr(log, "id-6"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bad_outcome_hides_no_other),
    };
    return cmocka_run_group_tests_name("look", tests, NULL, NULL);
}
