//! JSON text as values of Lua.
//!
//! Owns the tokens, with the leniencies of the original, and the texts about what was found instead. Input of any kind is answered or
//! refused. A zero byte ends the input.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use super::super::lua::Lua;
use super::super::runtime::Raise;
use super::Options;
use std::ffi::c_int;

/// Pushes the value of `text`.
pub fn decode(lua: &Lua, options: Options, text: &[u8]) -> Result<(), Raise> {
    if matches!(text, [0, _, ..] | [_, 0, ..]) {
        return Err(lua.located("JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut parser = Parser {
        lua,
        options,
        text,
        at: 0,
        found_at: 0,
        depth: 0,
        string: Vec::new(),
    };
    let token = parser.next();
    parser.push(token)?;
    match parser.next() {
        Token::End => Ok(()),
        other => Err(parser.expected("the end", other)),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    /// Its bytes are in the parser.
    String,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(what) => what,
        }
    }
}

struct Parser<'a> {
    lua: &'a Lua,
    options: Options,
    text: &'a [u8],
    at: usize,
    /// Where the last token begins, or where it is wrong.
    found_at: usize,
    depth: i32,
    string: Vec<u8>,
}

impl Parser<'_> {
    /// The byte `ahead` of the next one; zero beyond the end.
    fn peek(&self, ahead: usize) -> u8 {
        let at = self.at.saturating_add(ahead);
        self.text.get(at).copied().unwrap_or_default()
    }

    fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn expected(&self, what: &str, found: Token) -> Raise {
        let place = self.found_at.saturating_add(1);
        self.lua.located(&format!(
            "Expected {what} but found {} at character {place}",
            found.name()
        ))
    }

    fn error(&mut self, what: &'static str) -> Token {
        self.found_at = self.at;
        Token::Error(what)
    }

    fn next(&mut self) -> Token {
        while matches!(self.peek(0), b' ' | b'\t' | b'\n' | b'\r') {
            self.skip(1);
        }
        self.found_at = self.at;
        let single = match self.peek(0) {
            0 => return Token::End,
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => {
                if !self.options.decode_invalid && self.is_invalid_number() {
                    return self.error("invalid number");
                }
                return self.number();
            }
            _ => return self.word(),
        };
        self.skip(1);
        single
    }

    fn word(&mut self) -> Token {
        for (word, token) in [
            (&b"true"[..], Token::Boolean(true)),
            (b"false", Token::Boolean(false)),
            (b"null", Token::Null),
        ] {
            if self.rest().starts_with(word) {
                self.skip(word.len());
                return token;
            }
        }
        let may_be_number = matches!(self.peek(0), b'+' | b'f' | b'i' | b'I' | b'n' | b'N' | b't');
        if may_be_number && self.options.decode_invalid && self.is_invalid_number() {
            return self.number();
        }
        self.error("invalid token")
    }

    /// Whether what follows is a number that JSON does not have.
    fn is_invalid_number(&self) -> bool {
        let at = match self.peek(0) {
            b'+' => return true,
            b'-' => 1,
            _ => 0,
        };
        match self.peek(at) {
            b'0' => matches!(self.peek(at.saturating_add(1)), b'x' | b'X' | b'0'..=b'9'),
            0..=b'9' => false,
            _ => {
                let word = self.rest().get(at..at.saturating_add(3)).unwrap_or_default();
                word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")
            }
        }
    }

    fn number(&mut self) -> Token {
        match super::number::parse_prefix(self.rest()) {
            Some((number, len)) => {
                self.skip(len);
                Token::Number(number)
            }
            None => self.error("invalid number"),
        }
    }

    fn string(&mut self) -> Token {
        self.string.clear();
        self.skip(1);
        loop {
            let run = self
                .rest()
                .iter()
                .take_while(|byte| !matches!(byte, 0 | b'"' | b'\\'))
                .count();
            let plain = self
                .text
                .get(self.at..)
                .and_then(|rest| rest.get(..run))
                .unwrap_or_default();
            self.string.extend_from_slice(plain);
            self.skip(run);
            match self.peek(0) {
                b'"' => {
                    self.skip(1);
                    return Token::String;
                }
                0 => return self.error("unexpected end of string"),
                _ => {}
            }
            let byte = match self.peek(1) {
                b'u' => match self.unicode_escape() {
                    Some(()) => continue,
                    None => return self.error("invalid unicode escape code"),
                },
                b'b' => 0x08,
                b't' => b'\t',
                b'n' => b'\n',
                b'f' => 0x0c,
                b'r' => b'\r',
                same @ (b'"' | b'\\' | b'/') => same,
                _ => return self.error("invalid escape code"),
            };
            self.string.push(byte);
            self.skip(2);
        }
    }

    fn hex(&self, ahead: usize) -> Option<u32> {
        let start = self.at.saturating_add(ahead);
        let digits = self.text.get(start..start.saturating_add(4))?;
        let digit = |sum: Option<u32>, byte: &u8| Some(sum? << 4 | char::from(*byte).to_digit(16)?);
        digits.iter().fold(Some(0), digit)
    }

    /// Takes `\uXXXX`, or two of them that make one character.
    fn unicode_escape(&mut self) -> Option<()> {
        let mut code = self.hex(2)?;
        let mut len = 6;
        if code & 0xf800 == 0xd800 {
            if code & 0x400 != 0 || self.peek(6) != b'\\' || self.peek(7) != b'u' {
                return None;
            }
            let low = self.hex(8).filter(|low| low & 0xfc00 == 0xdc00)?;
            code = ((code & 0x3ff) << 10 | (low & 0x3ff)).saturating_add(0x1_0000);
            len = 12;
        }
        let mut utf8 = [0; 4];
        self.string
            .extend_from_slice(char::from_u32(code)?.encode_utf8(&mut utf8).as_bytes());
        self.skip(len);
        Some(())
    }

    /// Pushes the value that begins with `token`.
    fn push(&mut self, token: Token) -> Result<(), Raise> {
        match token {
            Token::String => self.lua.push_bytes(&self.string),
            Token::Number(number) => self.lua.push_number(number),
            Token::Boolean(value) => self.lua.push_truth(value),
            Token::Null => self.lua.push_null(),
            Token::ObjectBegin => return self.object(),
            Token::ArrayBegin => return self.array(),
            other => return Err(self.expected("value", other)),
        }
        Ok(())
    }

    fn descend(&mut self) -> Result<(), Raise> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > self.options.decode_depth || !self.lua.has_room(4) {
            let (depth, place) = (self.depth, self.at);
            let text = format!("Found too many nested data structures ({depth}) at character {place}");
            return Err(self.lua.located(&text));
        }
        Ok(())
    }

    fn object(&mut self) -> Result<(), Raise> {
        self.descend()?;
        self.lua.push_table(0, 0);
        let mut token = self.next();
        while token != Token::ObjectEnd {
            if token != Token::String {
                return Err(self.expected("object key string", token));
            }
            self.lua.push_bytes(&self.string);
            token = self.next();
            if token != Token::Colon {
                return Err(self.expected("colon", token));
            }
            let value = self.next();
            self.push(value)?;
            self.lua.set_pair(-3).map_err(|text| self.lua.plain(text))?;
            token = self.next();
            match token {
                Token::ObjectEnd => break,
                Token::Comma => token = self.next(),
                other => return Err(self.expected("comma or object end", other)),
            }
            if token == Token::ObjectEnd {
                return Err(self.expected("object key string", token));
            }
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    fn array(&mut self) -> Result<(), Raise> {
        self.descend()?;
        self.lua.push_table(0, 0);
        let mut token = self.next();
        let mut place: c_int = 0;
        while token != Token::ArrayEnd || place > 0 {
            self.push(token)?;
            place = place.saturating_add(1);
            self.lua.set_element(-2, place);
            token = self.next();
            match token {
                Token::ArrayEnd => break,
                Token::Comma => token = self.next(),
                other => return Err(self.expected("comma or array end", other)),
            }
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }
}
