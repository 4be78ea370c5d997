#include "common/kafka/admin.h"

#include "common/kafka/client.h"

/* One question, sent by `send` to the queue that its answer comes back on. NULL with err when there
 * is none. The caller destroys the event. */
static rd_kafka_event_t *ask(rd_kafka_t *client, rd_kafka_admin_op_t operation,
                             void (*send)(rd_kafka_t *client, void *question,
                                          rd_kafka_AdminOptions_t *options,
                                          rd_kafka_queue_t *queue),
                             void *question, const char *what, struct error *err)
{
    char text[64];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, operation);
    rd_kafka_AdminOptions_set_request_timeout(options, CLIENT_ASK_MS, text, sizeof(text));
    send(client, question, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CLIENT_ASK_MS + 1000);
    rd_kafka_queue_destroy(queue);
    if (event && !rd_kafka_event_error(event))
        return event;
    error_set(err, ERROR_RETRY, "%s: %s", what,
              event ? rd_kafka_event_error_string(event) : "no answer");
    if (event)
        rd_kafka_event_destroy(event);
    return NULL;
}

/* ---- a group's offsets ---- */

static void list_send(rd_kafka_t *client, void *question, rd_kafka_AdminOptions_t *options,
                      rd_kafka_queue_t *queue)
{
    rd_kafka_ListConsumerGroupOffsets_t *offsets = question;
    rd_kafka_ListConsumerGroupOffsets(client, &offsets, 1, options, queue);
    rd_kafka_ListConsumerGroupOffsets_destroy(offsets);
}

static int offsets_take(const rd_kafka_group_result_t *group, rd_kafka_topic_partition_list_t *list,
                        struct error *err)
{
    const rd_kafka_error_t *error = rd_kafka_group_result_error(group);
    if (error)
        return error_set(err, ERROR_RETRY, "%s: %s", rd_kafka_group_result_name(group),
                         rd_kafka_error_string(error));
    const rd_kafka_topic_partition_list_t *found = rd_kafka_group_result_partitions(group);
    for (int i = 0; i < found->cnt; i++) {
        rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_find(
            list, found->elems[i].topic, found->elems[i].partition);
        if (found->elems[i].err) /* an error is not "no offset" */
            return error_set(err, ERROR_RETRY, "%s: %s/%d: %s", rd_kafka_group_result_name(group),
                             found->elems[i].topic, found->elems[i].partition,
                             rd_kafka_err2str(found->elems[i].err));
        if (one)
            one->offset = found->elems[i].offset;
    }
    return 0;
}

int admin_group_offsets(rd_kafka_t *client, const char *group,
                        rd_kafka_topic_partition_list_t *list, struct error *err)
{
    size_t count;
    rd_kafka_event_t *event = ask(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, list_send,
                                  rd_kafka_ListConsumerGroupOffsets_new(group, list), group, err);
    if (!event)
        return -1;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
    int result = offsets_take(groups[0], list, err);
    rd_kafka_event_destroy(event);
    return result;
}

static void alter_send(rd_kafka_t *client, void *question, rd_kafka_AdminOptions_t *options,
                       rd_kafka_queue_t *queue)
{
    rd_kafka_AlterConsumerGroupOffsets_t *offsets = question;
    rd_kafka_AlterConsumerGroupOffsets(client, &offsets, 1, options, queue);
    rd_kafka_AlterConsumerGroupOffsets_destroy(offsets);
}

static int offsets_verify(const rd_kafka_group_result_t *group, struct error *err)
{
    const char *name = rd_kafka_group_result_name(group);
    const rd_kafka_error_t *error = rd_kafka_group_result_error(group);
    if (error)
        return error_set(err, ERROR_FATAL, "%s: %s", name, rd_kafka_error_string(error));
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(group);
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].err)
            return error_set(err, ERROR_FATAL, "%s: %s/%d: %s", name, list->elems[i].topic,
                             list->elems[i].partition, rd_kafka_err2str(list->elems[i].err));
    return 0;
}

int admin_group_offsets_set(rd_kafka_t *client, const char *group,
                            const rd_kafka_topic_partition_list_t *list, struct error *err)
{
    size_t count;
    rd_kafka_event_t *event = ask(client, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, alter_send,
                                  rd_kafka_AlterConsumerGroupOffsets_new(group, list), group, err);
    if (!event)
        return -1;
    const rd_kafka_group_result_t **groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(event), &count);
    int result = offsets_verify(groups[0], err);
    rd_kafka_event_destroy(event);
    return result;
}

/* ---- topics ---- */

static void create_send(rd_kafka_t *client, void *question, rd_kafka_AdminOptions_t *options,
                        rd_kafka_queue_t *queue)
{
    rd_kafka_NewTopic_t *topic = question;
    rd_kafka_CreateTopics(client, &topic, 1, options, queue);
    rd_kafka_NewTopic_destroy(topic);
}

int admin_topic_create(rd_kafka_t *client, rd_kafka_NewTopic_t *topic, struct error *err)
{
    size_t count;
    rd_kafka_event_t *event =
        ask(client, RD_KAFKA_ADMIN_OP_CREATETOPICS, create_send, topic, "topics", err);
    if (!event)
        return -1;
    const rd_kafka_topic_result_t *created =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)[0];
    rd_kafka_resp_err_t code = rd_kafka_topic_result_error(created);
    int result = 0;
    if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        result = error_set(err, ERROR_FATAL, "%s: %s", rd_kafka_topic_result_name(created),
                           rd_kafka_topic_result_error_string(created));
    rd_kafka_event_destroy(event);
    return result;
}

static void describe_send(rd_kafka_t *client, void *question, rd_kafka_AdminOptions_t *options,
                          rd_kafka_queue_t *queue)
{
    rd_kafka_ConfigResource_t *resource = question;
    rd_kafka_DescribeConfigs(client, &resource, 1, options, queue);
    rd_kafka_ConfigResource_destroy(resource);
}

static int settings_visit(const rd_kafka_ConfigResource_t *resource,
                          void (*visit)(void *context, const char *name, const char *value),
                          void *context, struct error *err)
{
    size_t count;
    if (rd_kafka_ConfigResource_error(resource))
        return error_set(err, ERROR_RETRY, "%s: %s", rd_kafka_ConfigResource_name(resource),
                         rd_kafka_ConfigResource_error_string(resource));
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_ConfigEntry_value(entries[i]))
            visit(context, rd_kafka_ConfigEntry_name(entries[i]),
                  rd_kafka_ConfigEntry_value(entries[i]));
    return 0;
}

int admin_topic_settings(rd_kafka_t *client, const char *topic,
                         void (*visit)(void *context, const char *name, const char *value),
                         void *context, struct error *err)
{
    size_t count;
    rd_kafka_event_t *event =
        ask(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, describe_send,
            rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic), topic, err);
    if (!event)
        return -1;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    int result = settings_visit(resources[0], visit, context, err);
    rd_kafka_event_destroy(event);
    return result;
}
