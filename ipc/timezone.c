#include "ipc/timezone.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ZONE_DIR "/usr/share/zoneinfo"

/* Letters, digits and "+-_" in parts that do not begin with '.', so no name leads out of the
 * folder. */
static bool zone_spelled(const char *name) {
    size_t len = strlen(name);
    if (len == 0 || len >= ZONE_MAX || name[0] == '/' || name[len - 1] == '/')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && strchr("+-_/", name[i]) == NULL)
            return false;
    /* Copies of the database under names that are not IANA's; those in right/ count leap seconds.
     */
    if (strncmp(name, "posix/", 6) == 0 || strncmp(name, "right/", 6) == 0 ||
        strcmp(name, "localtime") == 0 || strcmp(name, "posixrules") == 0)
        return false;
    return strstr(name, "//") == NULL;
}

bool zone_valid(const char *name) {
    char path[sizeof(ZONE_DIR) + ZONE_MAX + 1], magic[4];
    if (!zone_spelled(name))
        return false;
    (void)snprintf(path, sizeof(path), ZONE_DIR "/%s", name);
    SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
           memcmp(magic, "TZif", 4) == 0;
}

static void zone_enter(const char *zone) {
    static char entered[ZONE_MAX];
    if (strcmp(entered, zone) == 0)
        return;
    (void)snprintf(entered, sizeof(entered), "%s", zone);
    (void)setenv("TZ", entered, 1);
    tzset();
}

int zone_offset(const char *zone, int64_t utc) {
    struct tm tm;
    time_t t = (time_t)utc;
    zone_enter(zone);
    return localtime_r(&t, &tm) != NULL ? (int)tm.tm_gmtoff : 0;
}

int64_t zone_resolve(const char *zone, const struct stamp *local, enum zone_fit *ret_fit) {
    int64_t wall = stamp_seconds(local);
    /* Zones change at most once within a day: the offsets a day before and after are the
     * candidates. */
    int before = zone_offset(zone, wall - 86400), after = zone_offset(zone, wall + 86400);
    bool first = zone_offset(zone, wall - before) == before;
    bool second = zone_offset(zone, wall - after) == after;
    *ret_fit = ZONE_ONCE;
    if (first && second && before != after)
        *ret_fit = ZONE_TWICE;
    if (!first && !second)
        *ret_fit = ZONE_GAP;
    if (*ret_fit == ZONE_TWICE)
        return wall - (before > after ? before : after);
    return second && !first ? wall - after : wall - before;
}

int64_t zone_moment(const char *zone, const struct stamp *stamp) {
    enum zone_fit fit;
    if (stamp->kind == STAMP_INSTANT)
        return stamp_utc(stamp);
    struct stamp local = *stamp;
    if (stamp->kind == STAMP_DATE)
        local.hour = local.minute = local.second = 0;
    return zone_resolve(zone, &local, &fit);
}

void zone_show(const char *zone, int64_t utc, char out[static STAMP_TEXT]) {
    struct stamp s;
    stamp_of(utc, zone_offset(zone, utc), &s);
    stamp_format(&s, out);
}

bool zone_find(const char *text, char out[static ZONE_MAX]) {
    static const char part[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_/";
    for (const char *at = text; *at != '\0';) {
        size_t len = strspn(at, part);
        if (len > 0 && len < ZONE_MAX) {
            char word[ZONE_MAX];
            memcpy(word, at, len);
            word[len] = '\0';
            bool named = strchr(word, '/') != NULL || strcmp(word, "UTC") == 0;
            if (named && zone_valid(word)) {
                strcpy(out, word);
                return true;
            }
        }
        at += len > 0 ? len : 1;
    }
    return false;
}
