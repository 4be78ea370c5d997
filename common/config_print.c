#include "common/config.h"

#include "common/config_value.h"

static const char *const type_names[] = {
    [CONFIG_TEXT] = "text",       [CONFIG_LIST] = "list",     [CONFIG_DURATION] = "duration",
    [CONFIG_INTEGER] = "integer", [CONFIG_CHOICE] = "choice", [CONFIG_FILE] = "file",
};

/* What may stand there: "duration 1s..1h", "strict, fallback, off". */
static void type_describe(const struct config_key *key, struct buffer *out)
{
    char min[CONFIG_VALUE_TEXT], max[CONFIG_VALUE_TEXT];
    if (key->type == CONFIG_CHOICE) {
        for (const char *c = key->choices; *c; c++)
            buffer_add(out, *c == ' ' ? ", " : c, *c == ' ' ? 2 : 1);
        return;
    }
    buffer_text(out, type_names[key->type]);
    if (key->min == 0 && key->max == 0)
        return;
    config_value_format(key->type, key->min, min);
    config_value_format(key->type, key->max, max);
    buffer_printf(out, " %s..%s", min, max);
}

static void print_help_row(FILE *out, const char *name, const char *type, const char *fallback,
                           const char *meaning)
{
    fprintf(out, "  %-25s %s [%s]\n      %s\n", name, type, fallback ? fallback : "unset", meaning);
}

static void print_markdown_row(FILE *out, const char *name, const char *type, const char *fallback,
                               const char *meaning)
{
    const char *quote = fallback ? "`" : "";
    fprintf(out, "| `%s` | %s | %s%s%s | %s |\n", name, type, quote, fallback ? fallback : "",
            quote, meaning);
}

static void print_keys(enum config_program program, FILE *out,
                       void (*row)(FILE *out, const char *name, const char *type,
                                   const char *fallback, const char *meaning))
{
    for (const struct config_key *key = config_keys; key->name; key++) {
        struct buffer type = {0};
        if (!(key->programs & program))
            continue;
        type_describe(key, &type);
        row(out, key->name, type.bytes, key->fallback, key->meaning);
        buffer_free(&type);
    }
    row(out, "kafka.<property>", "text", NULL,
        "property of librdkafka, passed on; kafka.<property>_file: read from that file");
}

void config_print_help(enum config_program program, FILE *out)
{
    print_keys(program, out, print_help_row);
}

void config_print_markdown(enum config_program program, FILE *out)
{
    fputs("| key | value | default | meaning |\n|---|---|---|---|\n", out);
    print_keys(program, out, print_markdown_row);
}
