//! Requests as bytes.

/// Appends a request.
pub fn push_request(words: &[&[u8]], out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    out.push(b'*');
    out.extend_from_slice(digits.format(words.len()).as_bytes());
    out.extend_from_slice(b"\r\n");
    for word in words {
        out.push(b'$');
        out.extend_from_slice(digits.format(word.len()).as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends what tells the primary up to where its stream has been applied.
pub fn push_acknowledgement(offset: u64, out: &mut Vec<u8>) {
    push_request(
        &[b"REPLCONF", b"ACK", itoa::Buffer::new().format(offset).as_bytes()],
        out,
    );
}

/// Appends the choice of a database.
pub fn push_selection(db: u64, out: &mut Vec<u8>) {
    push_request(&[b"SELECT", itoa::Buffer::new().format(db).as_bytes()], out);
}
