/* cmocka wants it; nothing here jumps. */
#ifndef WASM_SHIM_SETJMP_H
#define WASM_SHIM_SETJMP_H

#endif
