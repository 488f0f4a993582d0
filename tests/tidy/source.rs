//! One file as the rules see it: its code without comments and literals, and its comments without code.
//!
//! Owns the small scanner that tells the two apart. It must not know any rule.

use std::ops::Range;

/// Something a rule objects to.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// One-based line.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

/// A file with its text taken apart; all three texts have the same length and the same line breaks.
#[derive(Debug)]
pub struct Source {
    /// Path relative to the package, with forward slashes.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// The text with comments and the contents of literals blanked.
    pub code: String,
    /// The text with everything but comments blanked.
    pub comments: String,
}

impl Source {
    /// Takes a file apart; only Rust files have code and comments.
    pub fn new(path: &str, text: &str) -> Self {
        let (code, comments) = if path.ends_with(".rs") {
            split(text)
        } else {
            (String::new(), String::new())
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            comments,
        }
    }

    /// Whether the file holds Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is test code.
    pub fn is_test(&self) -> bool {
        let mut parts = self.path.split('/').peekable();
        let outside = matches!(parts.peek(), Some(&"tests" | &"benches" | &"fuzz" | &"examples"));
        outside
            || self.path.split('/').any(|part| {
                matches!(part, "tests" | "tests.rs" | "testing" | "testing.rs") || part.ends_with("_tests.rs")
            })
    }

    /// The code with items under `#[cfg(test)]` blanked; empty for a file that is all test.
    pub fn shipped_code(&self) -> String {
        if self.is_test() {
            return String::new();
        }
        let mut code = self.code.clone().into_bytes();
        let mut from = 0;
        while let Some(found) = self.code[from..].find("#[cfg(test)]") {
            let start = from + found;
            let end = item_end(self.code.as_bytes(), start + "#[cfg(test)]".len());
            blank(&mut code, start..end);
            from = end;
        }
        String::from_utf8(code).expect("blanking whole items leaves valid text")
    }

    /// The one-based line of a byte offset.
    pub fn line_at(&self, offset: usize) -> usize {
        line_at(&self.text, offset)
    }
}

/// The one-based line of a byte offset in `text`.
pub fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Offsets at which `word` stands alone, not as a part of a longer identifier.
pub fn words(code: &str, word: &str) -> Vec<usize> {
    let bytes = code.as_bytes();
    let alone = |at: usize| {
        let before = at.checked_sub(1).is_none_or(|index| !is_identifier(bytes[index]));
        before && bytes.get(at + word.len()).is_none_or(|&byte| !is_identifier(byte))
    };
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(|&at| alone(at))
        .collect()
}

/// Whether a byte can be a part of an identifier.
pub fn is_identifier(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// The offset after the brace that closes the one at `open`, or the end of the code.
pub fn closing_brace(code: &[u8], open: usize) -> usize {
    let mut depth = 0usize;
    for (offset, &byte) in code.iter().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return offset + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// The offset after the item that begins at `start`: its closing brace or its semicolon.
fn item_end(code: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    for (offset, &byte) in code.iter().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'{' if depth == 0 => return closing_brace(code, offset),
            b';' if depth == 0 => return offset + 1,
            _ => {}
        }
    }
    code.len()
}

/// Overwrites a range with spaces, keeping line breaks.
fn blank(text: &mut [u8], range: Range<usize>) {
    for byte in &mut text[range] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

/// Splits Rust text into code and comments of the same shape.
fn split(text: &str) -> (String, String) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut comments = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = token_end(bytes, at);
        match bytes[at] {
            b'/' if end > at + 1 => blank(&mut code, at..end),
            b'"' | b'\'' | b'r' | b'b' | b'c' if end > at + 2 && is_literal(bytes, at, end) => {
                blank(&mut comments, at..end);
                let open = at
                    + bytes[at..end]
                        .iter()
                        .position(|byte| matches!(byte, b'"' | b'\''))
                        .unwrap_or(0);
                blank(&mut code, open + 1..end - 1);
            }
            _ => blank(&mut comments, at..end),
        }
        at = end;
    }
    let text_of = |bytes: Vec<u8>| String::from_utf8(bytes).expect("whole characters are blanked or kept");
    (text_of(code), text_of(comments))
}

/// Whether the token is a string or a character rather than an identifier or a lifetime.
fn is_literal(bytes: &[u8], at: usize, end: usize) -> bool {
    matches!(bytes[at], b'"' | b'\'') || bytes[at..end].iter().any(|byte| matches!(byte, b'"' | b'\''))
}

/// The end of the comment, literal, identifier or single character that begins at `at`.
fn token_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    match rest[0] {
        b'/' if rest.starts_with(b"//") => at + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()),
        b'/' if rest.starts_with(b"/*") => at + block_comment(rest),
        b'"' => at + quoted(rest, b'"'),
        b'\'' => at + character(rest),
        first if is_identifier(first) => at + identifier_or_prefixed(rest),
        _ => at + 1,
    }
}

/// Length of a nested block comment.
fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Length of a literal with escapes, both quotes included.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of a character literal, or 1 for the tick of a lifetime.
fn character(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        return quoted(rest, b'\'');
    }
    let width = rest.get(1).map_or(1, |&byte| match byte {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    });
    if rest.get(1 + width) == Some(&b'\'') {
        width + 2
    } else {
        1
    }
}

/// Length of an identifier or number, or of the literal that a prefix such as `br#` introduces.
fn identifier_or_prefixed(rest: &[u8]) -> usize {
    let length = rest.iter().position(|&byte| !is_identifier(byte)).unwrap_or(rest.len());
    let after = &rest[length..];
    match &rest[..length] {
        b"b" if after.first() == Some(&b'\'') => length + quoted(after, b'\''),
        b"b" | b"c" if after.first() == Some(&b'"') => length + quoted(after, b'"'),
        b"r" | b"br" | b"cr" => {
            let hashes = after.iter().take_while(|&&byte| byte == b'#').count();
            if after.get(hashes) != Some(&b'"') {
                return length;
            }
            let mut close = vec![b'"'];
            close.resize(hashes + 1, b'#');
            let body = &after[hashes + 1..];
            let end = body.windows(close.len()).position(|window| window == close.as_slice());
            length + hashes + 1 + end.map_or(body.len(), |end| end + close.len())
        }
        _ => length,
    }
}
