//! The first line of a script or library: `#!lua flags=no-writes,...` or `#!lua name=library`.
//!
//! Owns the flags and the grammar of the line. It must not know how code is compiled.

use super::error::ScriptError;
use crate::protocol::request::Span;
use crate::protocol::words;

/// What a script or function promises or asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// It writes nothing.
    pub const NO_WRITES: Flags = Flags(1);
    /// It runs even when memory is short.
    pub const ALLOW_OOM: Flags = Flags(2);
    /// It runs on a replica that has lost its primary.
    pub const ALLOW_STALE: Flags = Flags(4);
    /// It does not run in a cluster.
    pub const NO_CLUSTER: Flags = Flags(8);
    /// It may name keys of several slots.
    pub const CROSS_SLOT: Flags = Flags(16);
    /// No flags were given: a script without a shebang, which runs as older servers ran it.
    pub const COMPATIBLE: Flags = Flags(32);

    /// Every flag that code can name, in Valkey's order.
    pub const NAMED: [(&'static str, Flags); 5] = [
        ("no-writes", Flags::NO_WRITES),
        ("allow-oom", Flags::ALLOW_OOM),
        ("allow-stale", Flags::ALLOW_STALE),
        ("no-cluster", Flags::NO_CLUSTER),
        ("allow-cross-slot-keys", Flags::CROSS_SLOT),
    ];

    /// Whether all of `flags` are set.
    pub fn contains(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Both together.
    pub fn or(self, flags: Flags) -> Flags {
        Flags(self.0 | flags.0)
    }

    /// The flag with this name.
    pub fn named(name: &[u8]) -> Option<Flags> {
        let found = Flags::NAMED.iter().find(|(known, _)| known.as_bytes() == name)?;
        Some(found.1)
    }

    /// The names of the flags that are set, in Valkey's order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let set = Flags::NAMED.iter().filter(move |(_, flag)| self.contains(*flag));
        set.map(|(name, _)| *name)
    }
}

/// A body without its first line's contents: line numbers stay.
pub struct Script<'a> {
    pub flags: Flags,
    pub code: &'a [u8],
}

/// Reads the line of a script.
///
/// # Errors
/// Valkey's text for a line that does not end, another engine, or an option or flag that is unknown.
pub fn script(body: &[u8]) -> Result<Script<'_>, ScriptError> {
    if !body.starts_with(b"#!") {
        return Ok(Script {
            flags: Flags::COMPATIBLE,
            code: body,
        });
    }
    let line_end = first_line(body).ok_or(ScriptError::InvalidShebang)?;
    let words = words_of(&body[..line_end])?;
    // The engine is what follows the mark, wherever it stands; options are what follows the first word.
    let engine = words_of(&body[2..line_end])?;
    let mut flags = Flags::default();
    for option in words.iter().skip(1) {
        let Some(list) = option.strip_prefix(b"flags=") else {
            return Err(ScriptError::UnknownShebangOption(option.to_vec()));
        };
        for name in list.split(|&byte| byte == b',').filter(|_| !list.is_empty()) {
            let flag = Flags::named(name).ok_or_else(|| ScriptError::UnknownShebangFlag(name.to_vec()))?;
            flags = flags.or(flag);
        }
    }
    // Unknown options are complained about first.
    check_engine(engine.first().map_or(&[][..], |word| word))?;
    Ok(Script {
        flags,
        code: &body[line_end..],
    })
}

/// Where the first line ends, if it does; Valkey reads it as text of C, which a zero byte ends.
pub fn first_line(body: &[u8]) -> Option<usize> {
    memchr::memchr2(b'\n', 0, body).filter(|&end| body[end] == b'\n')
}

/// Whether code for `engine` is for us.
fn check_engine(engine: &[u8]) -> Result<(), ScriptError> {
    if engine.eq_ignore_ascii_case(b"lua") {
        Ok(())
    } else {
        Err(ScriptError::UnknownEngine(engine.to_vec()))
    }
}

/// Splits a first line as Valkey does.
///
/// # Errors
/// For an open quote.
pub fn words_of(line: &[u8]) -> Result<Vec<Vec<u8>>, ScriptError> {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    words::split(line, &mut bytes, &mut spans).map_err(|_| ScriptError::InvalidEngineLine)?;
    let word = |span: &Span| bytes[span.start as usize..][..span.len as usize].to_vec();
    Ok(spans.iter().map(word).collect())
}
