/* What wasi-libc lacks of what the tests ask for; included before all else. */
#ifndef WASM_SHIM_SYSTEM_H
#define WASM_SHIM_SYSTEM_H

#define P_tmpdir "."
char *mkdtemp(char *path);
int system(const char *command);
unsigned umask(unsigned mode);

#endif
