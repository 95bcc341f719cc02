/* A private PostgreSQL for tests: own data directory, unix socket only, run as an unprivileged
 * user. It dies with the process that started it. One per test program. */
#ifndef CLOISTER_TESTS_POSTGRES_H
#define CLOISTER_TESTS_POSTGRES_H

#include <check.h>

#include "ipc/base.h"

/* Makes the cluster and starts it. Exits with a sentence when it cannot. */
void postgres_start(void);
/* Starts it, runs the suite without forking (the server belongs to this process) and removes it.
 * What main returns. Takes the suite over. */
int postgres_tests(Suite *suite);
/* Stops it for good and removes its directory. */
void postgres_remove(void);
/* An immediate stop, as kill -9 would look to clients, and a start again. */
void postgres_kill(void);
void postgres_restart(void);
/* Stops answering without closing anything (SIGSTOP to every process of it), and goes on. */
void postgres_freeze(bool frozen);

/* "host=… dbname=… user=cloister". */
const char *postgres_conninfo(void);
const char *postgres_dir(void);
/* Drops the schema "cloister", so that a test begins with nothing. */
void postgres_clean(void);
/* Runs a statement, blocking, as superuser; the first column of the first row as text ("" when
 * none). Valid until the next call. Fails the program when the statement fails. */
const char *postgres_sql(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
