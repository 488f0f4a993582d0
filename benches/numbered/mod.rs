//! Names of 16 bytes for keys, fields and members.

/// The name with this number.
pub fn numbered(number: u64) -> [u8; 16] {
    let mut name = *b"item000000000000";
    let mut rest = number;
    for digit in name[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    name
}
