//! Libraries of functions as bytes, and back: their texts one behind the other, each behind a mark.

use std::borrow::Cow;

use super::Damaged;
use super::source::Source;
use super::write::write_string;

const LIBRARY: u8 = 245;
/// As versions before the first release marked them.
const LIBRARY_EARLY: u8 = 246;

/// Why bytes are no libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LibraryError {
    /// Something else stands there.
    #[error("something else than a library")]
    Other,
    /// In the form of a version before the first release.
    #[error("a library of a version before the first release")]
    Early,
    /// The text is cut off.
    #[error("the text of a library is damaged")]
    Damaged,
}

impl From<Damaged> for LibraryError {
    fn from(_: Damaged) -> Self {
        LibraryError::Damaged
    }
}

/// Appends a library.
pub fn write(code: &[u8], out: &mut Vec<u8>) {
    out.push(LIBRARY);
    write_string(code, out);
}

/// The texts of the libraries in `bytes`, up to the first that is none.
pub fn read(bytes: &[u8]) -> impl Iterator<Item = Result<Cow<'_, [u8]>, LibraryError>> {
    let mut source = Source::new(bytes);
    std::iter::from_fn(move || {
        let mark = source.byte().ok()?;
        let code = match mark {
            LIBRARY => source.string().map_err(LibraryError::from),
            LIBRARY_EARLY => Err(LibraryError::Early),
            _ => Err(LibraryError::Other),
        };
        if code.is_err() {
            source = Source::new(&[]);
        }
        Some(code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_up_to_what_is_none() {
        let mut bytes = Vec::new();
        write(b"one", &mut bytes);
        write(&b"a long text that repeats ".repeat(9), &mut bytes);
        assert!(bytes.len() < 100, "long texts are compressed");
        let lens = |bytes: &[u8]| -> Vec<Result<usize, LibraryError>> {
            read(bytes).map(|code| code.map(|code| code.len())).collect()
        };
        assert_eq!(lens(&bytes), [Ok(3), Ok(225)]);
        assert_eq!(lens(&bytes[..bytes.len() - 1]), [Ok(3), Err(LibraryError::Damaged)]);
        assert_eq!(lens(&[LIBRARY_EARLY, 1, b'a']), [Err(LibraryError::Early)]);
        assert_eq!(lens(&[0, 1, b'a', LIBRARY]), [Err(LibraryError::Other)]);
        assert_eq!(lens(&[]), []);
    }
}
