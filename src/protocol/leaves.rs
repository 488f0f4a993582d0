//! The values inside an encoded reply. Knows RESP2 and RESP3 as this server writes them; not for bytes from outside.

/// The strings and numbers in a reply, in order, whatever arrays they lie in. Nulls have none, and neither has a reply that is an error.
pub fn leaves(reply: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = reply;
    while let Some((line, after)) = split_line(rest) {
        rest = after;
        let Some((kind, text)) = line.split_first() else { break };
        match kind {
            b'$' => {
                let len = std::str::from_utf8(text)
                    .ok()
                    .and_then(|text| text.parse::<usize>().ok());
                // The length of a null is negative.
                let Some(len) = len else { continue };
                let Some(word) = rest.get(..len) else { break };
                found.push(word);
                rest = rest.get(len + 2..).unwrap_or_default();
            }
            b':' | b',' | b'+' => found.push(text),
            b'*' | b'~' | b'%' | b'>' | b'_' => {}
            _ => break,
        }
    }
    found
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\r', bytes)?;
    Some((&bytes[..end], bytes.get(end + 2..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(reply: &str) -> String {
        let words: Vec<_> = leaves(reply.as_bytes())
            .into_iter()
            .map(String::from_utf8_lossy)
            .collect();
        words.join(" ")
    }

    #[test]
    fn values_are_found_in_both_protocols_and_at_every_depth() {
        assert_eq!(shown("*2\r\n$1\r\nq\r\n$4\r\na\r\nb\r\n"), "q a\r\nb");
        assert_eq!(
            shown("*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\na\r\n,1.5\r\n*2\r\n$1\r\nb\r\n,inf\r\n"),
            "z a 1.5 b inf"
        );
        assert_eq!(shown("*2\r\n$1\r\nq\r\n$0\r\n\r\n"), "q ");
    }

    #[test]
    fn nulls_and_errors_have_none() {
        for reply in ["*-1\r\n", "$-1\r\n", "_\r\n", "-WRONGTYPE Operation\r\n", ""] {
            assert!(leaves(reply.as_bytes()).is_empty(), "{reply:?}");
        }
    }
}
