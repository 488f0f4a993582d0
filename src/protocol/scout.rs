//! A look at requests that have arrived but are not parsed yet: where their second words lie, which mostly are keys, so that the memory behind them
//! can be fetched while earlier requests run. Only a hint: whatever is not plain multibulk ends the look.

use super::request::Span;

/// How many requests are looked at.
pub const AHEAD: usize = 16;

/// Second words of the requests at the front of `input`.
#[derive(Debug, Default)]
pub struct Scouted {
    words: [(u32, u32); AHEAD],
    len: usize,
    /// How many bytes the requests take that were looked at.
    pub bytes: usize,
}

impl Scouted {
    /// The words' places, in order.
    pub fn words(&self) -> impl Iterator<Item = Span> + '_ {
        self.words[..self.len].iter().map(|&(start, len)| Span { start, len })
    }
}

/// Looks at up to [`AHEAD`] whole requests; O(words).
pub fn scout(input: &[u8]) -> Scouted {
    look(input, AHEAD)
}

/// The second word of the first request, if that is whole.
pub fn first(input: &[u8]) -> Option<&[u8]> {
    let word = look(input, 1).words().next()?;
    input.get(word.start as usize..)?.get(..word.len as usize)
}

fn look(input: &[u8], most: usize) -> Scouted {
    let mut found = Scouted::default();
    let mut at = 0;
    while found.len < most {
        let Some((count, mut next)) = number(input, at, b'*') else {
            break;
        };
        let mut second = None;
        for word in 0..count {
            let Some((len, start)) = number(input, next, b'$') else {
                return found;
            };
            if word == 1 {
                second = Some((start as u32, len as u32));
            }
            next = start + len + 2;
        }
        if next > input.len() {
            break;
        }
        if let Some(word) = second {
            found.words[found.len] = word;
            found.len += 1;
        }
        at = next;
        found.bytes = at;
    }
    found
}

/// The number in the line at `at` that begins with `kind`, and where the next line begins.
fn number(input: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let line = input.get(at..)?;
    if *line.first()? != kind {
        return None;
    }
    let mut value = 0;
    // Longer numbers belong to requests that are not worth a look ahead.
    for (offset, &byte) in line.iter().enumerate().skip(1).take(6) {
        match byte {
            b'0'..=b'9' => value = value * 10 + usize::from(byte - b'0'),
            b'\r' => return Some((value, at + offset + 2)),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(input: &str) -> Vec<&str> {
        let word = |span: Span| &input[span.start as usize..(span.start + span.len) as usize];
        scout(input.as_bytes()).words().map(word).collect()
    }

    #[test]
    fn second_words_of_whole_requests_are_found() {
        let get = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n";
        let set = "*3\r\n$3\r\nSET\r\n$2\r\nbb\r\n$1\r\nv\r\n";
        assert_eq!(words(&format!("{get}{set}{get}")), ["a", "bb", "a"]);
        assert_eq!(words(&format!("{get}*1\r\n$4\r\nPING\r\n{set}")), ["a", "bb"]);
        assert_eq!(words(&get.repeat(40)).len(), AHEAD);
    }

    #[test]
    fn anything_else_ends_the_look() {
        let get = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n";
        for tail in [
            "",
            "PING\r\n",
            "*2\r\n$3\r\nGET\r\n$9\r\na",
            "*x\r\n",
            "*2\r\n$-1\r\n",
            "*",
            "*99999999\r\n",
        ] {
            assert_eq!(words(&format!("{get}{tail}")), ["a"], "{tail:?}");
        }
    }
}
