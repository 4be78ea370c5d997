/* config_find: keys by their names, also by misspelt ones. */
#ifndef COMMON_CONFIG_FIND_H
#define COMMON_CONFIG_FIND_H

#include "common/config.h"

/* NULL: there is none of that name. */
const struct config_key *config_find(const char *name);

/* The one that was probably meant by a name that is no key; NULL: none is near enough. */
const struct config_key *config_find_nearest(const char *name);

#endif
