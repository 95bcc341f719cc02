#include "tests/world/model.h"

json_t *mind_think(const json_t *conversation, int64_t now) {
    return json_pack("{s:s,s:[]}", "text", "I am a stand-in model.", "calls");
}
