/* The keyring's file, below its rows: making, opening and checking it, and leaving nothing in it.
 * Used by supervisor/keys/keyring.c alone. */
#ifndef CLOISTER_KEYS_KEYRING_FILE_H
#define CLOISTER_KEYS_KEYRING_FILE_H

#include <sqlite3.h>

#include "ipc/base.h"

/* Until the descriptor is closed, this keyring is this process's alone; beside it there is a file
 * of its name with ".lock". Waits three seconds for whoever has it. fd, or -errno with a sentence
 * in `why` (-EBUSY: somebody has it). */
int keyring_file_lock(const char *path, char *why, size_t why_len) MUST_CHECK;
/* Opens `path`, checked and at the current schema version; whoever only reads it may do so beside,
 * for a backup. 0 or -errno with a sentence in `why`. */
int keyring_file_open(const char *path, sqlite3 **ret, char *why, size_t why_len) MUST_CHECK;
/* True when there is a file already. */
bool keyring_file_exists(const char *path);
/* A finished new keyring takes its name only now, so that a half-made one never looks like an empty
 * one. 0 or -errno. */
int keyring_file_publish(const char *made, const char *path) MUST_CHECK;
/* Removes `path` and its journal. */
void keyring_file_remove(const char *path);
/* Overwrites what the last transaction left in the rollback journal. Between transactions only. 0
 * or -errno. */
int keyring_file_wipe_journal(const char *path) MUST_CHECK;
/* 1 when the bytes are somewhere in the file or its journal, 0 when not, or -errno. */
int keyring_file_holds(sqlite3 *db, const char *path, const uint8_t *bytes, size_t len) MUST_CHECK;
/* SQLite's answer as -errno. */
int keyring_file_error(int result);

#endif
