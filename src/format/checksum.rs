//! The checksum of RDB files and DUMP payloads: CRC-64 by Jones's polynomial, bits reversed, beginning with 0.

const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;
/// Bytes that one step takes in.
const STRIDE: usize = 8;

/// Entry `[k][byte]` is what `byte` contributes when `k` bytes follow it.
const TABLES: [[u64; 256]; STRIDE] = tables();

const fn tables() -> [[u64; 256]; STRIDE] {
    let mut tables = [[0u64; 256]; STRIDE];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 != 0 {
                (crc >> 1) ^ POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut following = 1;
    while following < STRIDE {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[following - 1][byte];
            tables[following][byte] = (crc >> 8) ^ tables[0][(crc & 0xff) as usize];
            byte += 1;
        }
        following += 1;
    }
    tables
}

/// The checksum of what came before, `crc`, and `bytes`.
pub fn crc64(crc: u64, bytes: &[u8]) -> u64 {
    let (strides, rest) = bytes.as_chunks::<STRIDE>();
    let crc = strides.iter().fold(crc, |crc, stride| {
        let mixed = (crc ^ u64::from_le_bytes(*stride)).to_le_bytes();
        let parts = mixed.iter().zip(TABLES.iter().rev());
        parts.fold(0, |crc, (byte, table)| crc ^ table[usize::from(*byte)])
    });
    rest.iter()
        .fold(crc, |crc, byte| (crc >> 8) ^ TABLES[0][usize::from(crc as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::crc64;

    #[test]
    fn the_checksum_is_that_of_the_specification_and_continues() {
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        let bytes: Vec<u8> = (0..100u32).map(|at| (at * 31 % 251) as u8).collect();
        for cut in 0..bytes.len() {
            assert_eq!(crc64(crc64(0, &bytes[..cut]), &bytes[cut..]), crc64(0, &bytes));
        }
    }
}
