/* config_judge: what only the meaning of a value tells: ports, domains, addresses, URLs. */
#ifndef COMMON_CONFIG_JUDGE_H
#define COMMON_CONFIG_JUDGE_H

/* What is wrong with a value of the key `name`, of a list with one item, as the end of a sentence
 * about it; NULL: nothing, or nobody judges that key. Pure: looks at no file and asks no server. */
const char *config_judge(const char *name, const char *item);

#endif
