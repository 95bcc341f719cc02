/* RS256 tokens for id_token and their key set. */
#ifndef CLOISTER_WORLD_JWT_H
#define CLOISTER_WORLD_JWT_H

#include <jansson.h>
#include <openssl/evp.h>

/* Malloc'd compact serialization; NULL on failure. Takes `claims`. */
char *jwt_sign(EVP_PKEY *key, json_t *claims);
/* New {"keys":[…]}. */
json_t *jwt_key_set(EVP_PKEY *key);
/* New {key id: PEM}. */
json_t *jwt_key_pem(EVP_PKEY *key);

#endif
