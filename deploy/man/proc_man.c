/* Makes a manual page: copies hand-written mdoc(7) from standard input to standard output, and
 * where a line says
 * @TABLE@ puts in what the table of that name says. So a page and --help cannot say different
 * things. Runs at build time only. Ends with 1 and a word on stderr when there is no such table. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ipc/base.h"
#include "supervisor/control.h"

#define WIDTH 78 /* mandoc's advice for lines of text */

/* ---- text ---- */

/* One character of UTF-8 or ASCII, as mdoc wants it; bytes used. */
static size_t put_char(const char *text) {
    unsigned code = (unsigned char)text[0];
    size_t n = code < 0x80 ? 1 : code < 0xe0 ? 2 : code < 0xf0 ? 3 : 4;
    if (n == 1) {
        if (text[0] == '\\')
            (void)fputs("\\e", stdout);
        else
            (void)putchar(text[0]);
        return 1;
    }
    code &= 0xffu >> (n + 1);
    for (size_t i = 1; i < n; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    printf("\\[u%04X]", code);
    return n;
}

static void put_text(const char *text, size_t len) {
    for (size_t at = 0; at < len;)
        at += put_char(text + at);
}

static bool ends_sentence(const char *word, size_t len) {
    return len > 1 && (word[len - 1] == '.' || word[len - 1] == '?' || word[len - 1] == '!');
}

/* A word of 'literal' text that begins here: its length without the quotes, or 0. It may hold
 * blanks. */
static size_t literal_at(const char *text) {
    const char *end = text[0] == '\'' ? strchr(text + 1, '\'') : NULL;
    bool closed = end != NULL && !isalnum((unsigned char)end[1]);
    return closed ? (size_t)(end - text - 1) : 0;
}

/* Arguments of a macro; the punctuation that follows is an argument of its own. */
static const char *put_literal(const char *text, bool opened) {
    size_t len = literal_at(text);
    printf(".Ql %s", opened ? "( " : "");
    (void)putchar('"');
    put_text(text + 1, len);
    (void)putchar('"');
    for (text += len + 2; *text != '\0' && strchr(".,;:)?!", *text) != NULL; text++)
        printf(" %c", *text);
    (void)putchar('\n');
    while (*text == ' ')
        text++;
    return text;
}

/* Running text: lines of moderate width, a new one for each sentence, 'x' set as literal. */
static void put_prose(const char *text) {
    size_t column = 0;
    while (*text != '\0') {
        bool opened = text[0] == '(' && literal_at(text + 1) > 0;
        if (literal_at(text + opened) > 0) {
            if (column > 0)
                (void)putchar('\n');
            column = 0;
            text = put_literal(text + opened, opened);
            continue;
        }
        size_t len = strcspn(text, " ");
        if (column > 0 && column + 1 + len > WIDTH) {
            (void)putchar('\n');
            column = 0;
        }
        if (column > 0)
            (void)putchar(' ');
        else if (*text == '.' || *text == '\'')
            (void)fputs("\\&", stdout);
        put_text(text, len);
        column += len + (column > 0);
        if (ends_sentence(text, len)) {
            (void)putchar('\n');
            column = 0;
        }
        text += len;
        while (*text == ' ')
            text++;
    }
    if (column > 0)
        (void)putchar('\n');
}

/* "NAME [--finish]" as macros: capitals stand for something, the rest is typed as it is. */
static void put_arguments(const char *arguments) {
    char copy[256], *rest = copy;
    (void)snprintf(copy, sizeof(copy), "%s", arguments);
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        size_t len = strlen(word);
        bool open = word[0] == '[', shut = len > 0 && word[len - 1] == ']';
        if (len == 0)
            continue;
        word[len - shut] = '\0';
        word += open;
        (void)fputs(open ? " Oo" : "", stdout);
        for (char *choice; (choice = strsep(&word, "|")) != NULL;) {
            bool option = strncmp(choice, "--", 2) == 0;
            (void)fputs(option                              ? " Fl -"
                        : isupper((unsigned char)choice[0]) ? " Ar "
                                                            : " Cm ",
                        stdout);
            put_text(choice + (option ? 2 : 0), strlen(choice) - (option ? 2 : 0));
            (void)fputs(word != NULL ? " | " : "", stdout);
        }
        (void)fputs(shut ? " Oc" : "", stdout);
    }
}

static void put_item(const char *macro, const char *before, const char *name,
                     const char *arguments) {
    char typed[CTL_NAME_MAX];
    ctl_command_typed(name, typed);
    printf(".It %s %s%s", macro, before, typed);
    put_arguments(arguments);
    (void)putchar('\n');
}

/* ---- the tables ---- */

static void list(const char *kind) {
    printf(".Bl -tag -width %s\n", kind);
}

static void commands(void) {
    list("Ds");
    const struct ctl_command *command;
    for (size_t i = 0; (command = ctl_command_at(i)) != NULL; i++) {
        put_item("Cm", "", command->name, command->arguments);
        put_prose(command->manual);
        if (command->role == CTL_OPERATE)
            printf("For operators.\n");
    }
    printf(".El\n");
}

static void local_commands(void) {
    list("Ds");
#define LOCAL(name, arguments, help, manual)                                                       \
    put_item("Cm", "", #name, arguments);                                                          \
    put_prose(manual);
#include "supervisor/ctl_local.def"
    printf(".El\n");
}

static void sentence(const char *half) {
    char text[1024];
    (void)snprintf(text, sizeof(text), "%c%s.", toupper((unsigned char)half[0]), half + 1);
    put_prose(text);
}

static void frontend_commands(void) {
    list("Ds");
#define FRONTEND(name, act, arguments, help)                                                       \
    put_item("Cm", "frontend ", name, arguments);                                                  \
    sentence(help);
#include "supervisor/ctl_local.def"
    printf(".El\n");
}

static void option(const char *words, const char *text) {
    (void)fputs(".It", stdout);
    if (strncmp(words, "--", 2) != 0) { /* -n */
        printf(" Fl %s", words + 1);
        words = "";
    }
    put_arguments(words);
    (void)putchar('\n');
    sentence(text);
}

static void ctl_options(void) {
    list("Ds");
#define OPTION(words, text) option(words, text);
#include "supervisor/ctl_options.def"
    printf(".El\n");
}

static void program_options(void) {
    list("Ds");
#include "ipc/options.def"
#undef OPTION
    printf(".El\n");
}

static void exits(void) {
    list("100");
#define EXIT(name, number, text)                                                                   \
    printf(".It %d\n", number);                                                                    \
    sentence(text);
#include "supervisor/ctl_exit.def"
#undef EXIT
    printf(".El\n");
}

static void events(void) {
    list("zygote_replaced");
#define EVENT(NAME, word, manual)                                                                  \
    printf(".It Cm %s\n", word);                                                                   \
    sentence(manual);
#include "supervisor/events.def"
#undef EVENT
    printf(".El\n");
}

/* ---- settings ---- */

struct setting {
    const char *section, *key, *type, *fallback, *help;
};

static const struct setting all_settings[] = {
#define SETTING(section, key, type, fallback, help) {#section, #key, #type, fallback, help},
#include "ipc/config.def"
#undef SETTING
};

static const char *type_text(const char *type) {
    static const char *const texts[][2] = {{"STR", "Text"},
                                           {"PATH", "An absolute path"},
                                           {"URL", "An http or https address"},
                                           {"ORIGIN", "An http or https address without a path"},
                                           {"ADDR", "HOST:PORT"},
                                           {"U64", "A whole number"},
                                           {"LIST", "Words; may be repeated"}};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (strcmp(texts[i][0], type) == 0)
            return texts[i][1];
    return "Text";
}

static void settings(void) {
    const char *section = "";
    for (size_t i = 0; i < COUNT_OF(all_settings); i++) {
        const struct setting *s = &all_settings[i];
        if (strcmp(section, s->section) != 0) {
            printf("%s.Ss \\(lB%s\\(rB\n", section[0] != '\0' ? ".El\n" : "", s->section);
            list("Ds");
            section = s->section;
        }
        printf(".It Va %s\n", s->key);
        sentence(s->help);
        printf("%s", type_text(s->type));
        if (s->fallback[0] == '\0')
            printf("; empty by default.\n");
        else
            printf(", by default\n.Ql \"%s\" .\n", s->fallback);
    }
    printf(".El\n");
}

static void environment(void) {
    list("Ds");
    for (size_t i = 0; i < COUNT_OF(all_settings); i++) {
        char name[96];
        int n = snprintf(name, sizeof(name), "CLOISTER_%s_%s", all_settings[i].section,
                         all_settings[i].key);
        for (int c = 0; c < n && c < (int)sizeof(name) - 1; c++)
            name[c] = (char)toupper((unsigned char)name[c]);
        printf(".It Ev %s\n.Va %s\nin\n.Bq %s .\n", name, all_settings[i].key,
               all_settings[i].section);
    }
    printf(".El\n");
}

static const struct {
    const char *name;
    void (*put)(void);
} tables[] = {
    {"@COMMANDS@", commands},
    {"@LOCAL_COMMANDS@", local_commands},
    {"@FRONTEND@", frontend_commands},
    {"@CTL_OPTIONS@", ctl_options},
    {"@PROGRAM_OPTIONS@", program_options},
    {"@EXITS@", exits},
    {"@EVENTS@", events},
    {"@SETTINGS@", settings},
    {"@ENVIRONMENT@", environment},
};

static bool put_table(const char *name) {
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        if (strcmp(tables[i].name, name) == 0) {
            tables[i].put();
            return true;
        }
    return false;
}

int main(void) {
    char line[1024];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '@') {
            puts(line);
        } else if (!put_table(line)) {
            fprintf(stderr, "man: there is no table %s\n", line);
            return 1;
        }
    }
    return ferror(stdin) != 0 || fflush(stdout) != 0;
}
