#include "business/api/mail_name.h"

#include <string.h>

#define NAME_MAX_BYTES 64 /* RFC 5321, 4.5.3.1.1 */

bool mail_name_fits(const char *text, size_t len) {
    static const char others[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                 "!#$%&'*+-/=?^_`{|}~";
    bool dot = true; /* none at the beginning, none after another, none at the end */
    if (len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (dot && text[i] == '.')
            return false;
        dot = text[i] == '.';
        if (!dot && (text[i] == '\0' || strchr(others, text[i]) == NULL))
            return false;
    }
    return !dot;
}
