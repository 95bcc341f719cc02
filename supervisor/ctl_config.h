/* `cloisterctl config check`: what is wrong with a configuration, and what to do about it. */
#ifndef CLOISTER_SUPERVISOR_CTL_CONFIG_H
#define CLOISTER_SUPERVISOR_CTL_CONFIG_H

#include <jansson.h>

#include "ipc/config.h"

struct findings {
    json_t *list; /* of {level, where, what, do} */
    unsigned errors;
};

/* `where` is a setting or a file. `fatal`: Cloister would not work; otherwise a warning. */
void finding_add(struct findings *findings, bool fatal, const char *where, const char *what,
                 const char *todo);
/* The files and directories that the configuration names, and `path`, itself. */
void config_check_files(struct findings *findings, const struct config *config, const char *path);

#endif
