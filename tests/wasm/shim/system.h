/* What wasi-libc lacks of what the tests ask for; included before all else. */
#ifndef SHIM_SYSTEM_H
#define SHIM_SYSTEM_H

#define P_tmpdir "/tmp"
char *mkdtemp(char *path);
int system(const char *command);
unsigned umask(unsigned mode);

#endif
