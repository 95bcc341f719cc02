#include "supervisor/words.h"

#include <string.h>

void words_split(const char *text, struct words *ret) {
    *ret = (struct words){.text = strdup(text)};
    if (ret->text == NULL)
        return;
    char *at = ret->text, *word;
    while ((word = strsep(&at, " ")) != NULL && ret->n < WORDS_MAX)
        if (*word != '\0')
            ret->list[ret->n++] = word;
}

void words_done(struct words *words) {
    free(words->text);
    *words = (struct words){0};
}

bool words_has(char *const *list, size_t n, const char *word) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], word) == 0)
            return true;
    return false;
}

char *words_join(char *const *list, size_t n) {
    size_t size = 1;
    for (size_t i = 0; i < n; i++)
        size += strlen(list[i]) + 1;
    char *joined = malloc(size), *at = joined;
    if (joined == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *at++ = ' ';
        at = stpcpy(at, list[i]);
    }
    *at = '\0';
    return joined;
}
