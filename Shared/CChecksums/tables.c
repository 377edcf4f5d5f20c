#include "tables.h"

uint32_t checksums_crc32_table[8][256];
uint32_t checksums_crc32c_table[8][256];
uint64_t checksums_crc64nvme_table[8][256];

// Reflected polynomials.
#define CRC32 0xEDB88320u
#define CRC32C 0x82F63B78u
#define CRC64NVME 0x9A6C9329AC4BC9B5ull

static uint64_t divided(uint64_t byte, uint64_t polynomial) {
    for (int bit = 0; bit < 8; bit++) byte = (byte >> 1) ^ ((byte & 1) ? polynomial : 0);
    return byte;
}

// Before main, so that no reader ever sees a half-filled table and none has to take a lock.
__attribute__((constructor)) static void fill(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        checksums_crc32_table[0][byte] = (uint32_t)divided(byte, CRC32);
        checksums_crc32c_table[0][byte] = (uint32_t)divided(byte, CRC32C);
        checksums_crc64nvme_table[0][byte] = divided(byte, CRC64NVME);
    }
    for (int k = 1; k < 8; k++) {
        for (int byte = 0; byte < 256; byte++) {
            uint32_t a = checksums_crc32_table[k - 1][byte];
            uint32_t b = checksums_crc32c_table[k - 1][byte];
            uint64_t c = checksums_crc64nvme_table[k - 1][byte];
            checksums_crc32_table[k][byte] = (a >> 8) ^ checksums_crc32_table[0][a & 0xFF];
            checksums_crc32c_table[k][byte] = (b >> 8) ^ checksums_crc32c_table[0][b & 0xFF];
            checksums_crc64nvme_table[k][byte] = (c >> 8) ^ checksums_crc64nvme_table[0][c & 0xFF];
        }
    }
}
