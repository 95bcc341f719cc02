/* The system users that the tests play: made when absent. For tests run as root. */
#ifndef CLOISTER_TESTS_KEYS_ACCOUNTS_H
#define CLOISTER_TESTS_KEYS_ACCOUNTS_H

#include <sys/types.h>

/* cloister, cloister-keys, cloister-agent exist afterwards. Exits with 77 (skip) when not root. */
void accounts_make(void);
uid_t account_uid(const char *user);
gid_t account_gid(const char *user);
/* The calling process becomes `user` wholly; exits with 99 when it cannot. */
void account_become(const char *user);
/* A fresh directory that everybody may pass through. The caller frees the path. */
char *scratch_dir(void);
/* Removes it with the plain files and empty directories in it. */
void scratch_remove(const char *dir);

#endif
