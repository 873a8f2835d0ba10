/* WebAssembly has no processes that could be killed: tests/wasm cuts files instead. */
#include "engine/model.h"

void model_crash(int replica)
{
    (void)replica;
}
