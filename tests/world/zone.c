/* IANA zones: TZif files (RFC 8536), the 64-bit block, with the POSIX rule of the footer for times
 * after the last transition. */
#include "tests/world/civil.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ZONEINFO   "/usr/share/zoneinfo/"
#define FILE_MAX_N (64 * 1024)

struct rule_date { /* Mm.w.d/time, Jn or n of a POSIX TZ string */
    char kind;     /* 'M', 'J', 'N' */
    int month, week, day;
    int time; /* seconds after local midnight */
};

struct zone {
    char name[64];
    size_t count;
    int64_t *at;
    int *offset; /* in force from at[i] */
    int first_offset;
    int std_offset, dst_offset; /* footer */
    bool has_dst, has_rule;
    struct rule_date dst_start, dst_end;
    struct zone *next;
};

static struct zone *known;

static int64_t big_endian(const uint8_t *p, int n) {
    uint64_t v = (n == 4 && (p[0] & 0x80)) || (n == 8 && (p[0] & 0x80)) ? UINT64_MAX : 0;
    for (int i = 0; i < n; i++)
        v = (v << 8) | p[i];
    return (int64_t)v;
}

static const char *rule_name(const char *p) {
    if (*p == '<') {
        while (*p && *p != '>')
            p++;
        return *p ? p + 1 : p;
    }
    while (isalpha((unsigned char)*p))
        p++;
    return p;
}

static const char *rule_time(const char *p, int *ret) {
    int sign = 1, part[3] = {0};
    if (*p == '-' || *p == '+')
        sign = *p++ == '-' ? -1 : 1;
    for (int i = 0; i < 3; i++) {
        while (isdigit((unsigned char)*p))
            part[i] = part[i] * 10 + (*p++ - '0');
        if (*p != ':')
            break;
        p++;
    }
    *ret = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
    return p;
}

static const char *rule_day(const char *p, struct rule_date *d) {
    *d = (struct rule_date){.kind = 'N', .time = 7200};
    if (*p != ',')
        return NULL;
    p++;
    int used = 0;
    if (sscanf(p, "M%d.%d.%d%n", &d->month, &d->week, &d->day, &used) == 3)
        d->kind = 'M';
    else if (sscanf(p, "J%d%n", &d->day, &used) == 1)
        d->kind = 'J';
    else if (sscanf(p, "%d%n", &d->day, &used) != 1)
        return NULL;
    p += used;
    return *p == '/' ? rule_time(p + 1, &d->time) : p;
}

static void parse_footer(struct zone *z, const char *p) {
    int west;
    p = rule_name(p);
    p = rule_time(p, &west);
    z->std_offset = -west;
    z->has_rule = true;
    if (!*p)
        return;
    p = rule_name(p);
    z->dst_offset = z->std_offset + 3600;
    if (*p && *p != ',') {
        p = rule_time(p, &west);
        z->dst_offset = -west;
    }
    p = rule_day(p, &z->dst_start);
    z->has_dst = p && rule_day(p, &z->dst_end);
}

static int64_t rule_seconds(const struct rule_date *d, int year) {
    int64_t day = 0;
    switch (d->kind) {
    case 'M': {
        int64_t first = civil_days(year, d->month, 1);
        int want = (d->day + 6) % 7; /* POSIX counts from Sunday */
        day = first + (want - civil_weekday(first) + 7) % 7 + (d->week - 1) * 7;
        while (day >= first + civil_month_days(year, d->month))
            day -= 7;
        break;
    }
    case 'J':
        day = civil_days(year, 1, 1) + d->day - 1;
        if (civil_month_days(year, 2) == 29 && d->day >= 60)
            day++;
        break;
    default: /* 'N': zero-based, leap day counted */
        day = civil_days(year, 1, 1) + d->day;
        break;
    }
    return day * DAY_S + d->time;
}

static int rule_offset(const struct zone *z, int64_t seconds) {
    if (!z->has_dst)
        return z->std_offset;
    int year = civil_from_seconds(seconds + z->std_offset).year;
    int64_t on = rule_seconds(&z->dst_start, year) - z->std_offset;
    int64_t off = rule_seconds(&z->dst_end, year) - z->dst_offset;
    bool dst = on < off ? seconds >= on && seconds < off : seconds >= on || seconds < off;
    return dst ? z->dst_offset : z->std_offset;
}

struct header {
    size_t isutc, isstd, leap, time, type, chars;
};

static size_t read_header(const uint8_t *p, struct header *h) {
    size_t *fields[] = {&h->isutc, &h->isstd, &h->leap, &h->time, &h->type, &h->chars};
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        *fields[i] = (size_t)big_endian(p + 20 + 4 * i, 4);
    return 44;
}

static size_t body_len(const struct header *h, size_t width) {
    return h->time * (width + 1) + h->type * 6 + h->chars + h->leap * (width + 4) + h->isstd +
           h->isutc;
}

static bool parse_tzif(struct zone *z, const uint8_t *data, size_t len) {
    struct header h;
    if (len < 44 || memcmp(data, "TZif", 4) != 0 || data[4] < '2')
        return false;
    size_t pos = read_header(data, &h);
    pos += body_len(&h, 4);
    if (pos + 44 > len)
        return false;
    pos += read_header(data + pos, &h);
    if (h.time > 4096 || h.type == 0 || h.type > 256 || pos + body_len(&h, 8) > len)
        return false;
    const uint8_t *times = data + pos, *kinds = times + h.time * 8, *types = kinds + h.time;
    z->count = h.time;
    z->at = calloc(h.time + 1, sizeof(*z->at));
    z->offset = calloc(h.time + 1, sizeof(*z->offset));
    if (!z->at || !z->offset)
        return false;
    z->first_offset = (int)big_endian(types, 4);
    for (size_t i = 0; i < h.time; i++) {
        z->at[i] = big_endian(times + i * 8, 8);
        z->offset[i] = (int)big_endian(types + 6u * (kinds[i] < h.type ? kinds[i] : 0), 4);
    }
    pos += body_len(&h, 8);
    char footer[128] = "";
    if (pos < len && data[pos] == '\n') {
        size_t n = 0;
        for (pos++; pos < len && data[pos] != '\n' && n < sizeof(footer) - 1; pos++)
            footer[n++] = (char)data[pos];
        footer[n] = '\0';
    }
    if (footer[0])
        parse_footer(z, footer);
    return true;
}

static bool name_safe(const char *name) {
    if (!*name || strlen(name) >= sizeof(known->name) || name[0] == '/' || strstr(name, ".."))
        return false;
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("/_-+", *p))
            return false;
    return true;
}

static void zone_free(struct zone *z) {
    free(z->at);
    free(z->offset);
    free(z);
}

const struct zone *zone_find(const char *name) {
    for (struct zone *z = known; z; z = z->next)
        if (strcmp(z->name, name) == 0)
            return z;
    if (!name_safe(name))
        return NULL;
    char path[128];
    snprintf(path, sizeof(path), ZONEINFO "%s", name);
    SCOPE_FREE uint8_t *data = malloc(FILE_MAX_N);
    ssize_t len = data ? file_read(path, data, FILE_MAX_N) : -1;
    struct zone *z = len > 0 ? calloc(1, sizeof(*z)) : NULL;
    if (!z)
        return NULL;
    snprintf(z->name, sizeof(z->name), "%s", name);
    if (!parse_tzif(z, data, (size_t)len)) {
        zone_free(z);
        return NULL;
    }
    z->next = known;
    known = z;
    return z;
}

const struct zone *zone_of_city(const char *city) {
    char want[48];
    snprintf(want, sizeof(want), "%s", city);
    for (char *p = want; *p; p++)
        if (*p == ' ')
            *p = '_';
    FILE *f = fopen(ZONEINFO "zone.tab", "re");
    if (!f)
        return NULL;
    char line[512], name[64], found[64] = "";
    while (!found[0] && fgets(line, sizeof(line), f)) {
        if (line[0] == '#' || sscanf(line, "%*s %*s %63s", name) != 1)
            continue;
        const char *last = strrchr(name, '/');
        if (last && strcasecmp(last + 1, want) == 0)
            snprintf(found, sizeof(found), "%s", name);
    }
    (void)fclose(f);
    return found[0] ? zone_find(found) : NULL;
}

const char *zone_name(const struct zone *zone) {
    return zone->name;
}

int zone_offset(const struct zone *z, int64_t seconds) {
    if (z->count == 0 || seconds >= z->at[z->count - 1])
        return z->has_rule ? rule_offset(z, seconds)
                           : (z->count ? z->offset[z->count - 1] : z->first_offset);
    if (seconds < z->at[0])
        return z->first_offset;
    size_t low = 0, high = z->count - 1;
    while (high - low > 1) {
        size_t mid = (low + high) / 2;
        if (z->at[mid] <= seconds)
            low = mid;
        else
            high = mid;
    }
    return z->offset[low];
}

int64_t zone_to_utc(const struct zone *zone, const struct civil *local) {
    int64_t wall = civil_seconds(local);
    int before = zone_offset(zone, wall - DAY_S), after = zone_offset(zone, wall + DAY_S);
    if (zone_offset(zone, wall - before) == before)
        return wall - before;
    if (zone_offset(zone, wall - after) == after)
        return wall - after;
    return wall - before;
}

struct civil zone_local(const struct zone *zone, int64_t seconds) {
    return civil_from_seconds(seconds + zone_offset(zone, seconds));
}
