/* `cloisterctl rotate-key`: gives the keyring another key-encryption key while all goes on. As
 * root: it writes the key where the operator keeps it, and hands it to cloister-keys.
 *
 * The order makes a kill at any point harmless: the next key is on disk before anything is wrapped
 * by it, and takes the place of the old one only when nothing is wrapped by that any more. Running
 * it again goes on where it stood. */
#ifndef CLOISTER_SUPERVISOR_CTL_ROTATE_H
#define CLOISTER_SUPERVISOR_CTL_ROTATE_H

#include "supervisor/ctl_frontend.h"

/* `word`: NULL, or "status" to look only. Returns the exit status (enum ctl_exit). */
int ctl_rotate(const struct ctl_options *options, const char *word);

#endif
