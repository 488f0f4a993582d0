//! The reply encoder: one vocabulary of reply types, written as RESP2 or RESP3.

/// The protocol version a connection has negotiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resp {
    /// RESP2, which every connection starts with.
    #[default]
    V2,
    /// RESP3, asked for by `HELLO 3`.
    V3,
}

/// What a bulk string needs besides its bytes, at most: a mark, the digits of its length and two line ends.
const BULK_FRAME_BYTES: usize = 25;

/// Appends replies to a buffer in the connection's protocol.
#[derive(Debug, Default)]
pub struct Reply {
    bytes: Vec<u8>,
    resp: Resp,
}

impl Reply {
    /// An encoder that appends to `bytes`.
    pub fn new(bytes: Vec<u8>, resp: Resp) -> Self {
        Reply { bytes, resp }
    }

    /// The protocol in which replies are written from now on.
    pub fn resp(&self) -> Resp {
        self.resp
    }

    /// Changes the protocol of what is written from now on.
    pub fn set_resp(&mut self, resp: Resp) {
        self.resp = resp;
    }

    /// What has been written so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes have been written so far; a mark for [`Reply::truncate`].
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Room of the buffer, in bytes.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes back what was written after the mark.
    pub fn truncate(&mut self, mark: usize) {
        self.bytes.truncate(mark);
    }

    /// Exchanges the buffer: answers what has been written and goes on in `fresh`.
    pub fn replace(&mut self, fresh: Vec<u8>) -> Vec<u8> {
        std::mem::replace(&mut self.bytes, fresh)
    }

    /// The buffer, handed back.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Appends a reply that is encoded already.
    pub fn raw(&mut self, encoded: &[u8]) {
        self.bytes.extend_from_slice(encoded);
    }

    fn line(&mut self, kind: u8, number: i64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        self.bytes.reserve(digits.len() + 3);
        self.bytes.push(kind);
        self.bytes.extend_from_slice(digits);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// `+OK`.
    pub fn ok(&mut self) {
        self.bytes.extend_from_slice(b"+OK\r\n");
    }

    /// A status line; the text must hold no line break.
    pub fn simple(&mut self, text: &str) {
        self.bytes.push(b'+');
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// An error line; line breaks in the text become spaces, as Valkey writes them.
    pub fn error(&mut self, text: &str) {
        self.error_bytes(text.as_bytes());
    }

    /// As [`Reply::error`] for a text that quotes what a client sent.
    pub fn error_bytes(&mut self, text: &[u8]) {
        self.bytes.push(b'-');
        self.bytes.extend(
            text.iter()
                .map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }),
        );
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// A signed integer.
    pub fn int(&mut self, number: i64) {
        self.line(b':', number);
    }

    /// A length or count as an integer.
    pub fn count(&mut self, count: usize) {
        self.line(
            b':',
            i64::try_from(count).expect("a count of things in memory is below 2^63"),
        );
    }

    fn header(&mut self, kind: u8, len: usize) {
        self.line(kind, i64::try_from(len).expect("a length in memory is below 2^63"));
    }

    /// A binary-safe string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        let len = bytes.len();
        // Room for all of it at once; what follows only looks whether it is there.
        self.bytes.reserve(len + BULK_FRAME_BYTES);
        if len < 100 {
            // Most strings are short, and replies have many of them.
            let (tens, ones) = (b'0' + (len / 10) as u8, b'0' + (len % 10) as u8);
            if len < 10 {
                self.bytes.extend_from_slice(&[b'$', ones, b'\r', b'\n']);
            } else {
                self.bytes.extend_from_slice(&[b'$', tens, ones, b'\r', b'\n']);
            }
        } else {
            self.header(b'$', len);
        }
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// An integer as a bulk string.
    pub fn bulk_int(&mut self, number: i64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number);
        self.bulk(digits.as_bytes());
    }

    /// The null of a missing bulk string.
    pub fn null(&mut self) {
        self.bytes.extend_from_slice(match self.resp {
            Resp::V2 => b"$-1\r\n".as_slice(),
            Resp::V3 => b"_\r\n",
        });
    }

    /// The null of a missing array.
    pub fn null_array(&mut self) {
        self.bytes.extend_from_slice(match self.resp {
            Resp::V2 => b"*-1\r\n".as_slice(),
            Resp::V3 => b"_\r\n",
        });
    }

    /// Header of an array of `len` replies, which follow.
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len);
    }

    /// Header of an array whose `len` replies have been written behind the mark already.
    pub fn array_at(&mut self, mark: usize, len: usize) {
        let end = self.bytes.len();
        self.array(len);
        let header = self.bytes.len() - end;
        self.bytes[mark..].rotate_right(header);
    }

    /// Header of a map whose `pairs` have been written behind the mark already (RESP2: an array of as many pairs).
    pub fn map_of_pairs_at(&mut self, mark: usize, pairs: usize) {
        let end = self.bytes.len();
        self.header(if self.resp == Resp::V2 { b'*' } else { b'%' }, pairs);
        let header = self.bytes.len() - end;
        self.bytes[mark..].rotate_right(header);
    }

    /// Header of one pair of such a map, the key and value of which follow.
    pub fn pair_of_map(&mut self) {
        if self.resp == Resp::V2 {
            self.array(2);
        }
    }

    /// Header of a map of `pairs` keys and values, which follow (RESP2: a flat array).
    pub fn map(&mut self, pairs: usize) {
        match self.resp {
            Resp::V2 => self.header(b'*', pairs * 2),
            Resp::V3 => self.header(b'%', pairs),
        }
    }

    /// Header of a set (RESP2: an array).
    pub fn set(&mut self, len: usize) {
        match self.resp {
            Resp::V2 => self.header(b'*', len),
            Resp::V3 => self.header(b'~', len),
        }
    }

    /// Header of an out-of-band push (RESP2: an array).
    pub fn push(&mut self, len: usize) {
        match self.resp {
            Resp::V2 => self.header(b'*', len),
            Resp::V3 => self.header(b'>', len),
        }
    }

    /// A truth value (RESP2: 1 or 0).
    pub fn bool(&mut self, value: bool) {
        match (self.resp, value) {
            (Resp::V2, _) => self.int(i64::from(value)),
            (Resp::V3, true) => self.bytes.extend_from_slice(b"#t\r\n"),
            (Resp::V3, false) => self.bytes.extend_from_slice(b"#f\r\n"),
        }
    }

    /// A double with the shortest digits that read back as the same value (RESP2: a bulk string).
    pub fn double(&mut self, value: f64) {
        let mut text = crate::base::number::DoubleText::default();
        self.double_text(text.format(value));
    }

    /// As [`Reply::double`] for a double in digits of the caller's choice.
    pub fn double_text(&mut self, text: &str) {
        match self.resp {
            Resp::V2 => self.bulk(text.as_bytes()),
            Resp::V3 => {
                self.bytes.push(b',');
                self.bytes.extend_from_slice(text.as_bytes());
                self.bytes.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Text with a three-letter format such as `txt` (RESP2: a bulk string).
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        debug_assert_eq!(format.len(), 3);
        match self.resp {
            Resp::V2 => self.bulk(text),
            Resp::V3 => {
                self.header(b'=', text.len() + 4);
                self.bytes.extend_from_slice(format.as_bytes());
                self.bytes.push(b':');
                self.bytes.extend_from_slice(text);
                self.bytes.extend_from_slice(b"\r\n");
            }
        }
    }
}
