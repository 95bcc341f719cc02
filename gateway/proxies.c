#include "gateway/proxies.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

int address_parse(struct slice text, struct in6_addr *ret) {
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (text.len == 0 || text.len >= sizeof(copy))
        return -EINVAL;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET6, copy, ret) == 1)
        return 0;
    if (inet_pton(AF_INET, copy, &v4) != 1)
        return -EINVAL;
    memset(ret, 0, sizeof(*ret));
    ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
    memcpy(ret->s6_addr + 12, &v4, sizeof(v4));
    return 0;
}

void address_blur(struct in6_addr *address) {
    if (!IN6_IS_ADDR_V4MAPPED(address))
        memset(address->s6_addr + 8, 0, 8);
}

int proxies_add(struct proxies *proxies, const char *word) {
    if (proxies->count == PROXIES_MAX)
        return -ENOSPC;
    int r = address_parse((struct slice){word, strlen(word)}, &proxies->trusted[proxies->count]);
    proxies->count += r == 0;
    return r;
}

bool proxies_trust(const struct proxies *proxies, const struct in6_addr *address) {
    for (size_t i = 0; i < proxies->count; i++)
        if (memcmp(&proxies->trusted[i], address, sizeof(*address)) == 0)
            return true;
    return false;
}

/* Takes the last entry off a list; blanks around it do not belong to it. */
static struct slice last_entry(struct slice *list) {
    const char *comma = memrchr(list->at, ',', list->len);
    size_t begin = comma == NULL ? 0 : (size_t)(comma - list->at) + 1;
    struct slice entry = {list->at + begin, list->len - begin};
    list->len = comma == NULL ? 0 : begin - 1;
    while (entry.len > 0 && (entry.at[0] == ' ' || entry.at[0] == '\t'))
        entry = (struct slice){entry.at + 1, entry.len - 1};
    while (entry.len > 0 && (entry.at[entry.len - 1] == ' ' || entry.at[entry.len - 1] == '\t'))
        entry.len--;
    return entry;
}

/* Walks back through one header line. 1: *ret is the client; 0: proxies alone; -EINVAL. */
static int walk(const struct proxies *proxies, struct slice list, struct in6_addr *ret) {
    while (list.len > 0) {
        int r = address_parse(last_entry(&list), ret);
        if (r < 0)
            return r;
        if (!proxies_trust(proxies, ret))
            return 1;
    }
    return 0;
}

struct in6_addr proxies_client(const struct proxies *proxies, const struct in6_addr *peer,
                               const struct strict_head *head) {
    struct in6_addr found;
    if (!proxies_trust(proxies, peer))
        return *peer;
    for (size_t i = head->header_count; i > 0; i--) { /* several lines are one list */
        if (!slice_is_nocase(head->headers[i - 1].name, "x-forwarded-for"))
            continue;
        int r = walk(proxies, head->headers[i - 1].value, &found);
        if (r != 0)
            return r > 0 ? found : *peer;
    }
    return *peer;
}
