/* What the parts of the edit page share; office_profile.c and office_hours.c alone. */
#ifndef CLOISTER_GATEWAY_OFFICE_PARTS_H
#define CLOISTER_GATEWAY_OFFICE_PARTS_H

#include "gateway/office.h"

struct part {
    struct html *html;
    const struct office_edit *edit;
    char path[96]; /* "/businesses/salon" */
    char id[64];   /* begins the fields' ids */
};

/* A section with its heading, which the caller ends. */
void part_section(struct part *part, const char *id, const char *title);
/* A form that says `act`, and its end with the button. */
void part_begin(struct part *part, const char *act);
void part_end(struct part *part);

void part_hours(struct part *part);
void part_exceptions(struct part *part); /* ends the section that part_hours began */

#endif
