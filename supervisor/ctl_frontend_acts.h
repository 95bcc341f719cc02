/* What `cloisterctl frontend …` does, once its command line is understood. */
#ifndef CLOISTER_SUPERVISOR_CTL_FRONTEND_ACTS_H
#define CLOISTER_SUPERVISOR_CTL_FRONTEND_ACTS_H

#include "gateway/frontend_file.h"
#include "supervisor/ctl_frontend.h"
#include "supervisor/ctl_frontend_dir.h"
#include "supervisor/ctl_frontend_text.h"

struct work {
    struct ctl_options options;
    const char *path; /* of the directory */
    const char *name;
    const char *return_to[FRONTEND_RETURNS_MAX];
    struct frontend_wish wish;
    const char *key_file; /* NULL: the key is printed */
    bool finish;
    struct frontend_dir dir; /* opened by the act, closed by its caller */
};

/* Each prints its answer, or what went wrong, and returns the exit status (enum ctl_exit). */
int frontend_act_add(struct work *work);
int frontend_act_rotate(struct work *work);
int frontend_act_remove(struct work *work);
int frontend_act_list(struct work *work);

#endif
