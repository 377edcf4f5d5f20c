#pragma once
#include <stdint.h>

// Slicing-by-8: table k advances a byte that lies k bytes before the end of the word.
// Source: M. Kounavis, F. Berry, "A Systematic Approach to Building High Performance Software-Based CRC Generators", 2005.
extern uint32_t checksums_crc32_table[8][256];
extern uint32_t checksums_crc32c_table[8][256];
extern uint64_t checksums_crc64nvme_table[8][256];
