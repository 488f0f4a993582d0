//! This server's replies to what the link has sent, as they come: how many there are, and which are errors.

/// The longest line of a reply that is looked at; more is a defect.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Replies of which a part has come. Understands RESP2 as this server writes it; not for bytes from outside.
#[derive(Default)]
pub struct Replies {
    line: Vec<u8>,
    /// Bytes of a string, with the end of its line, that are still to come.
    skip: usize,
    /// How many elements of the reply under way are still to come.
    left: usize,
    /// The first error in it.
    error: Option<String>,
}

impl Replies {
    /// Takes in bytes; hands each whole reply's error, or that it has none, to `answered`. False when the bytes are no replies.
    pub fn feed(&mut self, mut bytes: &[u8], mut answered: impl FnMut(Option<String>)) -> bool {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = &bytes[skipped..];
                self.end_element(self.skip == 0, &mut answered);
                continue;
            }
            let end = memchr::memchr(b'\n', bytes);
            let (taken, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
            bytes = rest;
            self.line.extend_from_slice(taken);
            if self.line.len() > LINE_BYTES_MAX {
                return false;
            }
            if end.is_some() && !self.end_line(&mut answered) {
                return false;
            }
        }
        true
    }

    fn end_line(&mut self, answered: &mut impl FnMut(Option<String>)) -> bool {
        let line = std::mem::take(&mut self.line);
        let text = line.trim_ascii_end();
        self.left = self.left.max(1);
        let Some((kind, text)) = text.split_first() else {
            return false;
        };
        match kind {
            b'+' | b':' => {}
            b'-' => {
                let text = String::from_utf8_lossy(text).into_owned();
                self.error.get_or_insert(text);
            }
            b'$' | b'*' => {
                let Some(count) = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok()) else {
                    return false;
                };
                // The number of a null is negative.
                let count = usize::try_from(count).ok();
                if *kind == b'*' {
                    self.left += count.unwrap_or(0);
                } else if let Some(count) = count {
                    self.skip = count + 2;
                    return true;
                }
            }
            _ => return false,
        }
        self.end_element(true, answered);
        true
    }

    fn end_element(&mut self, has_ended: bool, answered: &mut impl FnMut(Option<String>)) {
        self.left -= usize::from(has_ended);
        if has_ended && self.left == 0 {
            answered(self.error.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_counted_however_they_are_cut() {
        let bytes = b"+OK\r\n:1\r\n$5\r\na\r\nb-\r\n$-1\r\n*-1\r\n*0\r\n*2\r\n*1\r\n$1\r\nx\r\n-WRONGTYPE a\r\n-ERR no\r\n*1\r\n$0\r\n\r\n";
        for piece in 1..bytes.len() {
            let (mut replies, mut told) = (Replies::default(), Vec::new());
            for piece in bytes.chunks(piece) {
                assert!(replies.feed(piece, |error| told.push(error.unwrap_or_default())));
            }
            assert_eq!(told, ["", "", "", "", "", "", "WRONGTYPE a", "ERR no", ""], "{piece}");
        }
        assert!(!Replies::default().feed(b"hello\r\n", |_| ()));
    }
}
