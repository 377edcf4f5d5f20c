#include "CAllocator.h"

#include <malloc.h>

void callocator_give_large_blocks_back(void) {
    // A refusal would only leave the memory where it was.
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
}
