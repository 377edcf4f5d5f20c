#pragma once
#include <stddef.h>
#include <stdint.h>

// Each function continues `crc`, the finished value over the bytes so far (0 at the start), with `count` more bytes.

/// CRC-32 (ISO-HDLC, zlib): polynomial 0x04C11DB7, reflected.
uint32_t checksums_crc32(uint32_t crc, const void *bytes, size_t count);
/// CRC-32C (Castagnoli, RFC 3720): polynomial 0x1EDC6F41, reflected. Uses the SSE4.2 instruction where there is one.
uint32_t checksums_crc32c(uint32_t crc, const void *bytes, size_t count);
/// The same, without the instruction. For processors that lack it, and for tests that compare the two.
uint32_t checksums_crc32c_portable(uint32_t crc, const void *bytes, size_t count);
/// CRC-64/NVME: polynomial 0xAD93D23594C93659, reflected.
uint64_t checksums_crc64nvme(uint64_t crc, const void *bytes, size_t count);
