//! A reader of replies, RESP2 and what RESP3 has besides, for comparing and for models.

use std::fmt;

/// A reply.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    Simple(String),
    Error(String),
    Int(i64),
    Bulk(String),
    Nil,
    Array(Vec<Value>),
    /// Not a reply, but a message.
    Push(Vec<Value>),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Simple(text) => write!(f, "+{text}"),
            Value::Error(text) => write!(f, "-{text}"),
            Value::Int(number) => write!(f, ":{number}"),
            Value::Bulk(text) => write!(f, "{text:?}"),
            Value::Nil => write!(f, "nil"),
            Value::Array(items) => f.debug_list().entries(items).finish(),
            Value::Push(items) => f.debug_tuple("push").field(items).finish(),
        }
    }
}

/// The reply at the front of `bytes` and its length, when it is complete.
pub fn parse(bytes: &[u8]) -> Option<(Value, usize)> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let line = String::from_utf8_lossy(&bytes[1..end]).into_owned();
    let number = || line.parse::<i64>().expect("a length or integer");
    let mut used = end + 2;
    let value = match bytes[0] {
        b'+' => Value::Simple(line),
        b'-' => Value::Error(line),
        b':' => Value::Int(number()),
        b'$' if number() < 0 => Value::Nil,
        b'$' => {
            let len = number() as usize;
            let text = bytes.get(used..used + len)?;
            bytes.get(used + len..used + len + 2)?;
            used += len + 2;
            Value::Bulk(String::from_utf8_lossy(text).into_owned())
        }
        b'*' if number() < 0 => Value::Nil,
        b'_' => Value::Nil,
        b'*' | b'>' | b'%' => {
            let mut items = Vec::new();
            let pairs = if bytes[0] == b'%' { 2 } else { 1 };
            for _ in 0..number() * pairs {
                let (item, length) = parse(&bytes[used..])?;
                used += length;
                items.push(item);
            }
            if bytes[0] == b'>' {
                Value::Push(items)
            } else {
                Value::Array(items)
            }
        }
        other => panic!("no reply begins with {:?}: {}", other as char, bytes.escape_ascii()),
    };
    Some((value, used))
}
