//! Glob patterns as KEYS, SCAN, PSUBSCRIBE and CONFIG GET understand them.

/// Whether `text` matches `pattern` (`*`, `?`, `[a-c]`, `[^x]`, `\` escapes); O(pattern * text) time, O(1) space.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_case(pattern, text, false)
}

/// As [`matches`], ASCII case folded.
pub fn matches_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    matches_case(pattern, text, true)
}

fn matches_case(pattern: &[u8], text: &[u8], fold: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last star does not fit: one byte further into the text.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if p < pattern.len() && pattern[p] == b'*' {
            p += 1;
            retry = Some((p, t));
            continue;
        }
        if t == text.len() {
            return p == pattern.len();
        }
        let step = if p < pattern.len() {
            one(&pattern[p..], text[t], fold)
        } else {
            None
        };
        match (step, retry) {
            (Some(used), _) => {
                p += used;
                t += 1;
            }
            (None, Some((after_star, from))) => {
                p = after_star;
                t = from + 1;
                retry = Some((after_star, t));
            }
            (None, None) => return false,
        }
    }
}

/// How many pattern bytes the single-character element at the front takes, if `byte` fits it.
fn one(pattern: &[u8], byte: u8, fold: bool) -> Option<usize> {
    let low = |b: u8| if fold { b.to_ascii_lowercase() } else { b };
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', ..] => class(pattern, low(byte), low),
        [b'\\', escaped, ..] => (low(*escaped) == low(byte)).then_some(2),
        [literal, ..] => (low(*literal) == low(byte)).then_some(1),
        [] => None,
    }
}

/// A bracket class; one that is not closed ends with the pattern, as in Valkey.
fn class(pattern: &[u8], byte: u8, low: impl Fn(u8) -> u8) -> Option<usize> {
    let mut at = 1;
    let negated = pattern.get(at) == Some(&b'^');
    if negated {
        at += 1;
    }
    let mut found = false;
    loop {
        match pattern.get(at..) {
            None | Some([]) => break,
            Some([b'\\', escaped, ..]) => {
                found |= low(*escaped) == byte;
                at += 2;
            }
            Some([b']', ..]) => {
                at += 1;
                break;
            }
            Some([from, b'-', to, ..]) => {
                let (from, to) = (low(*from), low(*to));
                found |= (from.min(to)..=from.max(to)).contains(&byte);
                at += 3;
            }
            Some([literal, ..]) => {
                found |= low(*literal) == byte;
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_documented() {
        for (pattern, text, want) in [
            ("h?llo", "hello", true),
            ("h*llo", "heeeello", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[a-b]llo", "hbllo", true),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("[abc", "b", true),
            ("*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), want, "{pattern} {text}");
        }
        assert!(matches_ignoring_case(b"MaxMem*", b"maxmemory"));
    }
}
