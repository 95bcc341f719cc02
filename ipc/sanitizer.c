/* Linked into the daemons of sanitizer builds alone: LeakSanitizer traces its own process with
 * ptrace, which confinement refuses, and would end each of them with an error. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}
