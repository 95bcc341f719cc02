#include "supervisor/egress/hosts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

size_t address_size(const union address *address) {
    return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

bool address_parse(const char *text, union address *ret) {
    union address address = {.v6 = {.sin6_family = AF_INET6}};
    if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
        *ret = address;
        return true;
    }
    address = (union address){.v4 = {.sin_family = AF_INET}};
    if (inet_pton(AF_INET, text, &address.v4.sin_addr) != 1)
        return false;
    *ret = address;
    return true;
}

void address_list_add(struct address_list *list, const union address *address) {
    size_t at = 0;
    for (size_t i = 0; i < list->n; i++)
        if (memcmp(&list->at[i], address, address_size(address)) == 0)
            return;
    if (list->n == ADDRESSES_MAX)
        return;
    /* IPv4 goes first: where IPv6 leads nowhere, every dial would wait for it in vain. */
    while (at < list->n &&
           (address->any.sa_family != AF_INET || list->at[at].any.sa_family == AF_INET))
        at++;
    memmove(&list->at[at + 1], &list->at[at], (list->n - at) * sizeof(list->at[0]));
    list->at[at] = *address;
    list->n++;
}

static void hosts_line(char *line, const char *name, struct address_list *ret) {
    char *save = NULL;
    union address address;
    line[strcspn(line, "#\n")] = '\0';
    const char *word = strtok_r(line, " \t\r", &save);
    if (word == NULL || !address_parse(word, &address))
        return;
    while ((word = strtok_r(NULL, " \t\r", &save)) != NULL)
        if (strcasecmp(word, name) == 0)
            address_list_add(ret, &address);
}

void hosts_find(const char *path, const char *name, struct address_list *ret) {
    char line[1024];
    ret->n = 0;
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        hosts_line(line, name, ret);
    if (file != NULL)
        (void)fclose(file);
    union address loopback;
    if (ret->n == 0 && strcmp(name, "localhost") == 0 && address_parse("127.0.0.1", &loopback))
        address_list_add(ret, &loopback);
}
