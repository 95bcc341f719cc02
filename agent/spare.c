#include "agent/spare.h"

#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/relax.h"

/* What Debian's libcurl names as needed, and what these need in turn. Symbols that stay unresolved
 * until their first call are looked for in the program's own libraries first, which are all kept.
 */
static const char *const spare[] = {
    "libldap-2.5.so",  "liblber-2.5.so",     "libsasl2.so",   "libgssapi_krb5.so", "libkrb5.so",
    "libk5crypto.so",  "libkrb5support.so",  "libcom_err.so", "libkeyutils.so",    "libresolv.so",
    "librtmp.so",      "libgnutls.so",       "libhogweed.so", "libnettle.so",      "libgmp.so",
    "libp11-kit.so",   "libffi.so",          "libtasn1.so",   "libssh2.so",        "libnghttp2.so",
    "libbrotlidec.so", "libbrotlicommon.so", "libzstd.so",
};

static bool is_spare(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    for (size_t i = 0; i < COUNT_OF(spare); i++) {
        size_t len = strlen(spare[i]);
        if (strncmp(name, spare[i], len) == 0 && (name[len] == '.' || name[len] == '\0'))
            return true;
    }
    return false;
}

static int unmap(struct dl_phdr_info *info, size_t size, void *ctx) {
    unsigned *count = ctx;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t low = UINTPTR_MAX, high = 0;
    (void)size;
    if (!is_spare(info->dlpi_name))
        return 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD)
            continue;
        uintptr_t begin = info->dlpi_addr + part->p_vaddr, end = begin + part->p_memsz;
        low = begin < low ? begin : low;
        high = end > high ? end : high;
    }
    low &= ~(page - 1);
    high = (high + page - 1) & ~(page - 1);
    if (low < high && munmap((void *)low, high - low) == 0)
        (*count)++;
    return 0;
}

unsigned spare_libraries(void) {
    unsigned count = 0;
    if (!relax.other_allocator) /* sanitizers look into every library */
        (void)dl_iterate_phdr(unmap, &count);
    return count;
}
