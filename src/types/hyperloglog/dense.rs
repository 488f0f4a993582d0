//! Registers of 6 bits, packed from the lowest bit of each byte on.

use super::REGISTERS;

const BITS: usize = 6;
/// Bytes of all registers.
pub const BYTES: usize = REGISTERS * BITS / 8;
const MASK: u32 = (1 << BITS) - 1;
/// Registers that fill whole bytes together, and those bytes.
const GROUP: usize = 4;
const GROUP_BYTES: usize = 3;

/// The group of bytes that holds register `index`, and the register's lowest bit in it.
fn place(index: usize) -> (usize, usize) {
    (index / GROUP * GROUP_BYTES, index % GROUP * BITS)
}

fn word(group: &[u8]) -> u32 {
    u32::from_le_bytes([group[0], group[1], group[2], 0])
}

/// The value of register `index`.
pub fn get(registers: &[u8], index: usize) -> u8 {
    let (at, shift) = place(index);
    (word(&registers[at..]) >> shift & MASK) as u8
}

/// Sets register `index`.
pub fn set(registers: &mut [u8], index: usize, value: u8) {
    let (at, shift) = place(index);
    let group = &mut registers[at..at + GROUP_BYTES];
    let word = word(group) & !(MASK << shift) | u32::from(value) << shift;
    group.copy_from_slice(&word.to_le_bytes()[..GROUP_BYTES]);
}

/// Visits all registers in order.
pub fn each(registers: &[u8], mut visit: impl FnMut(u8)) {
    for group in registers.as_chunks::<GROUP_BYTES>().0 {
        let word = word(group);
        (0..GROUP).for_each(|at| visit((word >> (at * BITS) & MASK) as u8));
    }
}
