//! A primary's data as requests to this server: everything is removed, then each database, library and key is put in.

use super::LinkError;
use super::handshake::Transfer;
use super::requests::{push_request, push_selection};
use crate::format::dump;
use crate::format::rdb::{Item, KeyValue, Reader};

/// Data that is being taken over.
pub struct Load {
    reader: Reader,
    transfer: Transfer,
    databases: usize,
    received_bytes: u64,
    has_ended: bool,
    /// Where the next key goes.
    db: u64,
    /// The database that the primary's stream has selected, where the file says so.
    stream_db: u64,
    payload: Vec<u8>,
}

impl Load {
    /// Data that comes as `transfer` tells, for a server with so many databases. Its first requests remove what is there.
    pub fn new(transfer: Transfer, databases: usize) -> Self {
        Load {
            reader: Reader::default(),
            transfer,
            databases,
            received_bytes: 0,
            has_ended: false,
            db: 0,
            stream_db: 0,
            payload: Vec::new(),
        }
    }

    /// Appends the requests that remove everything; answers how many they are.
    pub fn push_removal(out: &mut Vec<u8>) -> usize {
        push_request(&[b"FLUSHALL"], out);
        push_request(&[b"FUNCTION", b"FLUSH"], out);
        2
    }

    /// Bytes that have come.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// Bytes that come in all; 0 when that is not told.
    pub fn total_bytes(&self) -> u64 {
        self.transfer.bytes()
    }

    /// The database that the stream behind the data has selected.
    pub fn stream_db(&self) -> u64 {
        self.stream_db
    }

    /// Takes in bytes that have come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.received_bytes += bytes.len() as u64;
        self.reader.feed(bytes);
    }

    /// Appends requests, about `bytes_max` bytes of them, and answers how many; none when more bytes must come first.
    pub fn push_requests(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> Result<usize, LinkError> {
        let mut count = 0;
        while !self.has_ended
            && out.len() < bytes_max
            && let Some(item) = self.reader.next_item()?
        {
            match item {
                Item::Fact { name, value } => {
                    if *name == *b"repl-stream-db" {
                        let number = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
                        self.stream_db = number.unwrap_or(0);
                    }
                }
                Item::Database(db) => {
                    check_database(db, self.databases)?;
                    self.db = db;
                    push_selection(db, out);
                    count += 1;
                }
                Item::Library(code) => {
                    push_request(&[b"FUNCTION", b"LOAD", b"REPLACE", &code], out);
                    count += 1;
                }
                Item::Key(key) => {
                    push_restore(&key, &mut self.payload, out);
                    count += 1;
                }
                Item::End => {
                    self.has_ended = true;
                    if self.stream_db != self.db {
                        check_database(self.stream_db, self.databases)?;
                        push_selection(self.stream_db, out);
                        count += 1;
                    }
                }
            }
        }
        Ok(count)
    }

    /// What has come behind the data, once all of it has been taken over.
    pub fn end(&self) -> Result<Option<&[u8]>, LinkError> {
        if !self.has_ended {
            return Ok(None);
        }
        let rest = self.reader.rest();
        match &self.transfer {
            Transfer::Sized(bytes) => {
                let file = self.received_bytes - rest.len() as u64;
                let padding = bytes
                    .checked_sub(file)
                    .ok_or(LinkError::Nonsense("data beyond its length"))?;
                Ok(usize::try_from(padding).ok().and_then(|padding| rest.get(padding..)))
            }
            Transfer::Marked(mark) if rest.len() < mark.len() => Ok(None),
            Transfer::Marked(mark) => match rest.strip_prefix(mark.as_slice()) {
                Some(behind) => Ok(Some(behind)),
                None => Err(LinkError::Nonsense("data behind its end")),
            },
        }
    }
}

/// A database that there is.
pub(super) fn check_database(db: u64, databases: usize) -> Result<(), LinkError> {
    if usize::try_from(db).is_ok_and(|db| db < databases) {
        Ok(())
    } else {
        Err(LinkError::Databases { used: db, databases })
    }
}

fn push_restore(key: &KeyValue<'_>, payload: &mut Vec<u8>, out: &mut Vec<u8>) {
    payload.clear();
    payload.push(key.kind);
    payload.extend_from_slice(key.value);
    dump::seal(payload);
    // 0 would mean never.
    let expires_ms = key.expires_ms.map_or(0, |at| at.max(1)).to_string();
    let mut words: Vec<&[u8]> = vec![
        b"RESTORE",
        &key.key,
        expires_ms.as_bytes(),
        payload,
        b"REPLACE",
        b"ABSTTL",
    ];
    let use_of = match (key.idle_s, key.frequency) {
        (Some(idle_s), _) => Some((b"IDLETIME".as_slice(), idle_s.min(i64::MAX as u64))),
        (_, Some(frequency)) => Some((b"FREQ".as_slice(), u64::from(frequency))),
        _ => None,
    };
    let number = use_of.map(|(_, number)| number.to_string()).unwrap_or_default();
    if let Some((word, _)) = use_of {
        words.extend([word, number.as_bytes()]);
    }
    push_request(&words, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"REDIS0003\xfe\x00\x00\x01a\x01b\xfe\x01\xfd\x01\x00\x00\x00\x00\x01c\x01d\xff";

    fn load(transfer: Transfer, bytes: &[u8]) -> Result<(usize, Option<Vec<u8>>), LinkError> {
        let mut load = Load::new(transfer, 2);
        let (mut out, mut count) = (Vec::new(), 0);
        for byte in bytes {
            load.feed(&[*byte]);
            count += load.push_requests(usize::MAX, &mut out)?;
        }
        Ok((count, load.end()?.map(<[u8]>::to_vec)))
    }

    #[test]
    fn data_ends_by_its_length_or_its_mark() {
        let behind = [FILE, b"stream"].concat();
        let (count, rest) = load(Transfer::Sized(FILE.len() as u64), &behind).expect("the file is sound");
        // Two databases, two keys, and the stream's database.
        assert_eq!((count, rest.as_deref()), (5, Some(b"stream".as_slice())));
        let marked = [FILE, &[b'm'; 40], b"s"].concat();
        let (_, rest) = load(Transfer::Marked([b'm'; 40]), &marked).expect("the file is sound");
        assert_eq!(rest.as_deref(), Some(b"s".as_slice()));
        let (_, rest) = load(Transfer::Marked([b'm'; 40]), &marked[..marked.len() - 2]).expect("the file is sound");
        assert_eq!(rest, None, "the mark has not come");
        assert!(load(Transfer::Marked([b'x'; 40]), &marked).is_err());
        assert!(load(Transfer::Sized(FILE.len() as u64 - 1), &behind).is_err());
    }

    #[test]
    fn a_key_is_restored_with_its_expiry() {
        let mut load = Load::new(Transfer::Sized(0), 2);
        load.feed(FILE);
        let mut out = Vec::new();
        load.push_requests(usize::MAX, &mut out).expect("the file is sound");
        let shown = out.escape_ascii().to_string();
        assert!(
            shown.contains(r"*6\r\n$7\r\nRESTORE\r\n$1\r\na\r\n$1\r\n0\r\n"),
            "{shown}"
        );
        assert!(shown.contains(r"RESTORE\r\n$1\r\nc\r\n$4\r\n1000\r\n"), "{shown}");
    }

    #[test]
    fn more_databases_than_there_are_end_the_link() {
        let mut load = Load::new(Transfer::Sized(0), 1);
        load.feed(FILE);
        let error = load.push_requests(usize::MAX, &mut Vec::new());
        assert!(matches!(error, Err(LinkError::Databases { used: 1, databases: 1 })));
    }
}
