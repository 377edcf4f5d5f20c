#include "CChecksums.h"
#include "tables.h"
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Little-endian load, whatever the alignment and the machine's byte order.
static uint64_t word(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static uint64_t sliced32(const uint32_t table[8][256], uint64_t w) {
    return table[7][w & 0xFF] ^ table[6][w >> 8 & 0xFF] ^ table[5][w >> 16 & 0xFF] ^ table[4][w >> 24 & 0xFF] ^
           table[3][w >> 32 & 0xFF] ^ table[2][w >> 40 & 0xFF] ^ table[1][w >> 48 & 0xFF] ^ table[0][w >> 56];
}

static uint32_t crc32_by(const uint32_t table[8][256], uint32_t crc, const uint8_t *bytes, size_t count) {
    crc = ~crc;
    for (; count >= 8; bytes += 8, count -= 8) crc = (uint32_t)sliced32(table, word(bytes) ^ crc);
    for (; count > 0; bytes++, count--) crc = (crc >> 8) ^ table[0][(crc ^ *bytes) & 0xFF];
    return ~crc;
}

uint32_t checksums_crc32(uint32_t crc, const void *bytes, size_t count) {
    return crc32_by(checksums_crc32_table, crc, bytes, count);
}

uint32_t checksums_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
    return crc32_by(checksums_crc32c_table, crc, bytes, count);
}

uint64_t checksums_crc64nvme(uint64_t crc, const void *start, size_t count) {
    const uint64_t(*table)[256] = checksums_crc64nvme_table;
    const uint8_t *bytes = start;
    crc = ~crc;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t w = word(bytes) ^ crc;
        crc = table[7][w & 0xFF] ^ table[6][w >> 8 & 0xFF] ^ table[5][w >> 16 & 0xFF] ^ table[4][w >> 24 & 0xFF] ^
              table[3][w >> 32 & 0xFF] ^ table[2][w >> 40 & 0xFF] ^ table[1][w >> 48 & 0xFF] ^ table[0][w >> 56];
    }
    for (; count > 0; bytes++, count--) crc = (crc >> 8) ^ table[0][(crc ^ *bytes) & 0xFF];
    return ~crc;
}

#if defined(__x86_64__)
#define LANE 4096

// The instruction takes three cycles and can begin in each, so three parts of a long piece go side by side. They are joined by
// moving the first two over what follows them: a product with x^(8n - 33) modulo the polynomial, n the bytes to move over, which
// the instruction itself reduces. Source: Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction",
// Intel 2011. The constants were computed bit by bit; a test compares the result with the tables.
__attribute__((target("sse4.2,pclmul"))) static uint64_t crc32c_lanes(uint64_t first, const uint8_t *bytes) {
    uint64_t second = 0, third = 0;
    for (size_t i = 0; i < LANE; i += 8) {
        first = __builtin_ia32_crc32di(first, word(bytes + i));
        second = __builtin_ia32_crc32di(second, word(bytes + LANE + i));
        third = __builtin_ia32_crc32di(third, word(bytes + 2 * LANE + i));
    }
    const __m128i over_two = _mm_cvtsi64_si128(0x54A86326), over_one = _mm_cvtsi64_si128(0x82F89C77);
    __m128i moved = _mm_xor_si128(_mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)first), over_two, 0),
                                  _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)second), over_one, 0));
    return __builtin_ia32_crc32di(0, (unsigned long long)_mm_cvtsi128_si64(moved)) ^ third;
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t start, const uint8_t *bytes, size_t count) {
    uint64_t crc = (uint32_t)~start;
    if (__builtin_cpu_supports("pclmul"))
        for (; count >= 3 * LANE; bytes += 3 * LANE, count -= 3 * LANE) crc = crc32c_lanes(crc, bytes);
    for (; count >= 8; bytes += 8, count -= 8) crc = __builtin_ia32_crc32di(crc, word(bytes));
    uint32_t rest = (uint32_t)crc;
    for (; count > 0; bytes++, count--) rest = __builtin_ia32_crc32qi(rest, *bytes);
    return ~rest;
}
#endif

uint32_t checksums_crc32c(uint32_t crc, const void *bytes, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return crc32c_sse42(crc, bytes, count);
#endif
    return checksums_crc32c_portable(crc, bytes, count);
}
