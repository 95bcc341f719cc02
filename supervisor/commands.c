/* The table of commands and who may use it. Shared by cloisterd and cloisterctl. */
#include <stdio.h>
#include <string.h>

#include "supervisor/control.h"

static const struct ctl_command commands[] = {
#define COMMAND(name, kind, role, min, max, arguments, help, manual)                               \
    {#name, kind, role, min, max, arguments, help, manual},
#include "supervisor/commands.def"
#undef COMMAND
};

const struct ctl_command *ctl_command_at(size_t index) {
    return index < COUNT_OF(commands) ? &commands[index] : NULL;
}

/* "rotate-key" as it is typed is rotate_key here. */
static bool is_name(const char *name, const char *typed) {
    for (; *name != '\0' && (*name == *typed || (*name == '_' && *typed == '-')); name++)
        typed++;
    return *name == '\0' && *typed == '\0';
}

void ctl_command_typed(const char *name, char out[static CTL_NAME_MAX]) {
    (void)snprintf(out, CTL_NAME_MAX, "%s", name);
    for (char *c = out; *c != '\0'; c++)
        if (*c == '_')
            *c = '-';
}

const struct ctl_command *ctl_command_find(const char *name) {
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (is_name(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static bool is_member(const struct ctl_peer *peer, gid_t group) {
    if (group == (gid_t)-1)
        return false;
    bool member = peer->gid == group;
    for (size_t i = 0; i < peer->n_groups; i++)
        member = member || peer->groups[i] == group;
    return member;
}

enum ctl_role ctl_role_of(const struct ctl_peer *peer, const struct ctl_groups *groups) {
    if (peer->uid == 0 || is_member(peer, groups->operators))
        return CTL_OPERATE;
    return is_member(peer, groups->observers) ? CTL_LOOK : CTL_NOBODY;
}
