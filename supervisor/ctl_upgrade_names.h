/* The programs of an upgrade and the names of their files. Beside each PROGRAM stand for the
 * upgrade's time .PROGRAM.new (what is to come), .PROGRAM.old (what ran before) and, for a moment,
 * .PROGRAM.put. */
#ifndef CLOISTER_SUPERVISOR_CTL_UPGRADE_NAMES_H
#define CLOISTER_SUPERVISOR_CTL_UPGRADE_NAMES_H

#include "ipc/base.h"

#define UPGRADE_VERSION_MAX 127

struct upgrade_program {
    const char *name, *folder;
    bool service;                          /* runs for itself, under the manager */
    bool staged;                           /* .new stands there */
    bool saved;                            /* .old stands there */
    char version[UPGRADE_VERSION_MAX + 1]; /* what the new one says of itself */
};
extern struct upgrade_program upgrade_programs[];
extern const size_t upgrade_program_count;

enum upgrade_name { IN_PLACE, NEW, OLD, PUT };

/* `out`, a string. */
const char *upgrade_path(const struct upgrade_program *program, enum upgrade_name which, char *out,
                         size_t cap);
/* Good until the end of the block. */
#define PATH_OF(program, which) upgrade_path(program, which, (char[512]){0}, 512)

bool upgrade_exists(const char *path);
/* Two names of one file; false where one of them is not there. */
bool upgrade_same_file(const char *a, const char *b);
/* "WHAT PATH: " and what errno says, into `why`. -errno. */
int upgrade_fail(char *why, size_t why_len, const char *what, const char *path);
/* A copy of `from` at `to` with the rights that `like` has. On disk when this returns. 0 or -errno
 * with a sentence. */
int upgrade_copy(const char *from, const char *to, const char *like, char *why,
                 size_t why_len) MUST_CHECK;

#endif
