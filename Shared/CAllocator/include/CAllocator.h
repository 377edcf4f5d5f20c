#ifndef CALLOCATOR_H
#define CALLOCATOR_H

/// From now on a block of 1 MiB or more has pages of its own, which the system gets back when it is freed.
///
/// Left alone, glibc raises that limit to the largest block it ever saw freed. The parts of an upload (8 MiB) then
/// come from the heaps of the threads, where freed ones stay: 65 MiB were held for an upload that needs 26 MiB. Up to 4 MiB
/// at the top of a heap stay there: receive buffers come and go all the time, and each would be given back and taken again.
/// mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
void callocator_give_large_blocks_back(void);

#endif
