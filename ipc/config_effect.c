#include "ipc/config.h"

static const struct {
    enum config_key key;
    enum config_effect effect;
    const char *programs;
} effects[] = {
#define EFFECT(section, key, how, programs) {CONFIG_##section##_##key, EFFECT_##how, programs},
#include "ipc/config_effect.def"
#undef EFFECT
};

enum config_effect config_effect(enum config_key key, const char **ret_programs) {
    for (size_t i = 0; i < COUNT_OF(effects); i++)
        if (effects[i].key == key) {
            *ret_programs = effects[i].programs;
            return effects[i].effect;
        }
    *ret_programs = "cloister-keys cloister-egress cloister-notify cloister-business cloisterd "
                    "cloister-gateway cloister-gateway-public";
    return EFFECT_RESTART;
}
