/* The files of an upgrade. Each takes its place by rename(2), with the owner, group and mode that
 * the place had: the agent's set-user-ID bit too. Names: ctl_upgrade_names.h. */
#ifndef CLOISTER_SUPERVISOR_CTL_UPGRADE_FILES_H
#define CLOISTER_SUPERVISOR_CTL_UPGRADE_FILES_H

#include "supervisor/ctl_upgrade_names.h"

/* Of a service; 0: does not run. */
typedef pid_t (*upgrade_pid_of)(void *ctx, const char *name);

/* Each puts a sentence into `why` when it fails. */

/* Copies what `from` has (flat, or as an installed tree: sbin, bin, libexec/cloister) to .new.
 * -ENOENT when it has none of the programs. */
int upgrade_stage(const char *from, char *why, size_t why_len) MUST_CHECK;
/* Runs every new program with --self-check (those in their places already, when nothing is staged).
 */
int upgrade_check(const char *config, char *why, size_t why_len) MUST_CHECK;
/* Keeps what runs now as .old, even where its file was replaced already. */
int upgrade_save(upgrade_pid_of pid_of, void *ctx, char *why, size_t why_len) MUST_CHECK;
/* Instead of it, after an upgrade that was cut off: what that one had saved stays .old, so that the
 * way back leads to what worked before both. */
int upgrade_keep_saved(char *why, size_t why_len) MUST_CHECK;
/* False when a service runs another file than the one in its place. */
bool upgrade_runs_in_place(upgrade_pid_of pid_of, void *ctx) MUST_CHECK;
/* .new into place. When one fails, the old ones are back. */
int upgrade_install(char *why, size_t why_len) MUST_CHECK;
/* .old into place. */
int upgrade_restore(char *why, size_t why_len) MUST_CHECK;
/* True when an earlier upgrade was cut off: what it saved is still there, all of it. */
bool upgrade_unfinished(void);
/* Puts back what that one had replaced itself. What a package put into place, before or since,
 * stays there. 1: it did, and that upgrade is forgotten; 0: there was nothing to put back; -errno.
 */
int upgrade_resume(char *why, size_t why_len) MUST_CHECK;
/* Removes what is left of .new and .old, save what is the way back of an upgrade that was cut off
 * and that this one did not take over. */
void upgrade_clean(void);

#endif
