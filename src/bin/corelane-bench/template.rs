//! Turns a command with placeholders into request bytes, a fresh random choice for every command sent.
//!
//! Owns the placeholders and the RESP encoding of requests; must not know about connections, tests or time.
//! A template is compiled into literal runs and holes, so that rendering costs two or three copies.

use std::fmt;

/// Why a command cannot be used as a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateError {
    /// `{int}` has a varying width, so only a whole argument can be one.
    IntInsideArgument(String),
    /// A placeholder that does not exist.
    Unknown(String),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TemplateError::IntInsideArgument(argument) => write!(
                f,
                "{{int}} must be a whole argument, not part of '{argument}'; use {{rand}}"
            ),
            TemplateError::Unknown(name) => write!(
                f,
                "unknown placeholder {{{name}}}; there are key, value, rand, seq, turn, int, queue and conn"
            ),
        }
    }
}

/// What the placeholders of one connection stand for.
#[derive(Debug, Clone)]
pub struct Substitution {
    /// Random numbers are below this.
    pub keyspace: u64,
    /// Text of `{value}`.
    pub value: String,
    /// Text of `{queue}`.
    pub queue: String,
    /// Text of `{conn}`.
    pub connection: String,
}

/// Sources of what changes from command to command: a small fast generator and a sequence number.
#[derive(Debug)]
pub struct Draw {
    state: u64,
    /// The next `{seq}`.
    pub sequence: u64,
    /// What `{turn}` stands for.
    pub turn: u64,
}

impl Draw {
    /// A reproducible source: the same seed gives the same numbers.
    pub fn new(seed: u64, sequence: u64) -> Self {
        Draw {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            sequence,
            turn: 1,
        }
    }

    /// A number below `bound`, uniform up to a bias of bound/2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*: passes what matters here and costs a nanosecond.
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let random = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D);
        ((u128::from(random) * u128::from(bound)) >> 64) as u64
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(Vec<u8>),
    /// 12 random digits.
    Random,
    /// 12 digits of the command's sequence number.
    Sequence,
    /// 12 digits of how often the connection has begun its commands anew.
    Turn,
    /// A whole argument: a random decimal number without leading zeros.
    IntArgument,
}

/// A command ready to be rendered.
#[derive(Debug, Clone)]
pub struct Template {
    segments: Vec<Segment>,
    keyspace: u64,
    uses_sequence: bool,
}

const DIGITS: usize = 12;
/// `$20\r\n` + 20 digits + line end.
const INT_ARGUMENT_BYTES_MAX: usize = 27;

impl Template {
    /// Compiles a command for one connection.
    pub fn compile(arguments: &[String], with: &Substitution) -> Result<Self, TemplateError> {
        let mut builder = Builder::default();
        builder.literal(format!("*{}\r\n", arguments.len()).as_bytes());
        for argument in arguments {
            builder.argument(argument, with)?;
        }
        let uses_sequence = builder.segments.contains(&Segment::Sequence);
        Ok(Template {
            segments: builder.segments,
            keyspace: with.keyspace.max(1),
            uses_sequence,
        })
    }

    /// Upper bound of the bytes of one rendered command.
    pub fn bytes_max(&self) -> usize {
        let size = |segment: &Segment| match segment {
            Segment::Literal(bytes) => bytes.len(),
            Segment::Random | Segment::Sequence | Segment::Turn => DIGITS,
            Segment::IntArgument => INT_ARGUMENT_BYTES_MAX,
        };
        self.segments.iter().map(size).sum()
    }

    /// Writes one command to the start of `out`, which holds at least [`Template::bytes_max`], and returns its length.
    pub fn render(&self, out: &mut [u8], draw: &mut Draw) -> usize {
        let mut at = 0;
        for segment in &self.segments {
            match segment {
                Segment::Literal(bytes) => {
                    out[at..at + bytes.len()].copy_from_slice(bytes);
                    at += bytes.len();
                }
                Segment::Random => {
                    out[at..at + DIGITS].copy_from_slice(&twelve_digits(draw.below(self.keyspace)));
                    at += DIGITS;
                }
                Segment::Sequence => {
                    out[at..at + DIGITS].copy_from_slice(&twelve_digits(draw.sequence));
                    at += DIGITS;
                }
                Segment::Turn => {
                    out[at..at + DIGITS].copy_from_slice(&twelve_digits(draw.turn));
                    at += DIGITS;
                }
                Segment::IntArgument => at += int_argument(draw.below(self.keyspace), &mut out[at..]),
            }
        }
        if self.uses_sequence {
            draw.sequence += 1;
        }
        at
    }
}

/// Encodes one command.
pub fn request(arguments: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len());
    for argument in arguments {
        bytes.push_str(&format!("${}\r\n{argument}\r\n", argument.len()));
    }
    bytes.into_bytes()
}

#[derive(Default)]
struct Builder {
    segments: Vec<Segment>,
}

impl Builder {
    fn literal(&mut self, bytes: &[u8]) {
        if let Some(Segment::Literal(last)) = self.segments.last_mut() {
            last.extend_from_slice(bytes);
        } else {
            self.segments.push(Segment::Literal(bytes.to_vec()));
        }
    }

    fn argument(&mut self, argument: &str, with: &Substitution) -> Result<(), TemplateError> {
        if argument == "{int}" {
            self.segments.push(Segment::IntArgument);
            return Ok(());
        }
        let pieces = pieces_of(argument, with)?;
        let length = |piece: &Segment| {
            if let Segment::Literal(bytes) = piece {
                bytes.len()
            } else {
                DIGITS
            }
        };
        let total: usize = pieces.iter().map(length).sum();
        self.literal(format!("${total}\r\n").as_bytes());
        for piece in pieces {
            match piece {
                Segment::Literal(bytes) => self.literal(&bytes),
                hole => self.segments.push(hole),
            }
        }
        self.literal(b"\r\n");
        Ok(())
    }
}

/// Splits an argument at its placeholders. Braces around anything but a lower-case word are text: hash tags and JSON.
fn pieces_of(argument: &str, with: &Substitution) -> Result<Vec<Segment>, TemplateError> {
    let mut pieces = Vec::new();
    let text = |pieces: &mut Vec<Segment>, text: &str| pieces.push(Segment::Literal(text.as_bytes().to_vec()));
    let mut rest = argument;
    while let Some(open) = rest.find('{') {
        text(&mut pieces, &rest[..open]);
        let inner = &rest[open + 1..];
        let name = inner
            .split_once('}')
            .map(|(name, _)| name)
            .filter(|name| is_placeholder_name(name));
        let Some(name) = name else {
            text(&mut pieces, "{");
            rest = inner;
            continue;
        };
        match name {
            "key" => {
                text(&mut pieces, "key:");
                pieces.push(Segment::Random);
            }
            "rand" => pieces.push(Segment::Random),
            "seq" => pieces.push(Segment::Sequence),
            "turn" => pieces.push(Segment::Turn),
            "value" => text(&mut pieces, &with.value),
            "queue" => text(&mut pieces, &with.queue),
            "conn" => text(&mut pieces, &with.connection),
            "int" => return Err(TemplateError::IntInsideArgument(argument.to_owned())),
            other => return Err(TemplateError::Unknown(other.to_owned())),
        }
        rest = &inner[name.len() + 1..];
    }
    text(&mut pieces, rest);
    Ok(pieces)
}

fn is_placeholder_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn int_argument(number: u64, out: &mut [u8]) -> usize {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number).as_bytes();
    let mut length = itoa::Buffer::new();
    let length = length.format(digits.len()).as_bytes();
    let mut at = 0;
    for part in [b"$", length, b"\r\n", digits, b"\r\n"] {
        out[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    at
}

/// The lowest 12 decimal digits of a number, padded with zeros.
fn twelve_digits(number: u64) -> [u8; DIGITS] {
    let mut out = [0; DIGITS];
    out[..4].copy_from_slice(&eight_digits((number / 100_000_000 % 10_000) as u32)[4..]);
    out[4..].copy_from_slice(&eight_digits((number % 100_000_000) as u32));
    out
}

/// Eight digits at once in one word: halves, then pairs, then digits, by multiplication with reciprocals.
fn eight_digits(number: u32) -> [u8; 8] {
    let halves = u64::from(number / 10_000) | u64::from(number % 10_000) << 32;
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | (halves - hundreds * 100) << 16;
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    let digits = tens | (pairs - tens * 10) << 8;
    (digits + 0x3030_3030_3030_3030).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn substitution() -> Substitution {
        Substitution {
            keyspace: 1000,
            value: "vvv".to_owned(),
            queue: "queue:7".to_owned(),
            connection: "3".to_owned(),
        }
    }

    fn compile(arguments: &[&str]) -> Result<Template, TemplateError> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Template::compile(&arguments, &substitution())
    }

    fn render(template: &Template, draw: &mut Draw) -> String {
        let mut out = vec![0; template.bytes_max()];
        let length = template.render(&mut out, draw);
        String::from_utf8(out[..length].to_vec()).expect("ASCII")
    }

    #[test]
    fn placeholders_become_what_they_stand_for() {
        let mut draw = Draw::new(1, 41);
        let template = compile(&["RPUSH", "{queue}", "m:{seq}:{conn}", "{value}", "{tag:x}{"]).expect("valid");
        assert_eq!(
            render(&template, &mut draw),
            "*5\r\n$5\r\nRPUSH\r\n$7\r\nqueue:7\r\n$16\r\nm:000000000041:3\r\n$3\r\nvvv\r\n$8\r\n{tag:x}{\r\n"
        );
        assert!(
            render(&template, &mut draw).contains("m:000000000042:3"),
            "the sequence advances once a command"
        );
    }

    #[test]
    fn all_commands_of_a_turn_see_the_same_number() {
        let mut draw = Draw::new(1, 0);
        let template = compile(&["XACK", "s", "{turn}-0"]).expect("valid");
        for turn in [1, 1, 2] {
            draw.turn = turn;
            assert!(render(&template, &mut draw).contains(&format!("\r\n{turn:012}-0\r\n")));
        }
    }

    #[test]
    fn random_keys_stay_in_the_keyspace_and_differ() {
        let mut draw = Draw::new(7, 0);
        let template = compile(&["GET", "{key}"]).expect("valid");
        let keys: Vec<u64> = (0..200)
            .map(|_| {
                let rendered = render(&template, &mut draw);
                let digits = rendered
                    .strip_prefix("*2\r\n$3\r\nGET\r\n$16\r\nkey:")
                    .and_then(|rest| rest.strip_suffix("\r\n"));
                digits.expect("framing").parse().expect("digits")
            })
            .collect();
        assert!(keys.iter().all(|&key| key < 1000));
        assert!(keys.iter().any(|&key| key >= 500) && keys.iter().any(|&key| key < 500));
    }

    #[test]
    fn an_integer_argument_has_no_leading_zeros() {
        let mut draw = Draw::new(3, 0);
        let template = compile(&["LINDEX", "l", "{int}"]).expect("valid");
        for _ in 0..500 {
            let rendered = render(&template, &mut draw);
            let argument = rendered
                .strip_prefix("*3\r\n$6\r\nLINDEX\r\n$1\r\nl\r\n$")
                .expect("framing");
            let (length, rest) = argument.split_once("\r\n").expect("length");
            let digits = rest.strip_suffix("\r\n").expect("line end");
            assert_eq!(digits.len().to_string(), length);
            assert_eq!(digits.parse::<u64>().expect("number").to_string(), digits);
        }
    }

    #[test]
    fn impossible_templates_are_refused() {
        assert_eq!(
            compile(&["SET", "k{int}", "v"]).err(),
            Some(TemplateError::IntInsideArgument("k{int}".to_owned()))
        );
        assert_eq!(
            compile(&["GET", "{kye}"]).err(),
            Some(TemplateError::Unknown("kye".to_owned()))
        );
    }

    #[test]
    fn digits_agree_with_the_standard_library() {
        let mut draw = Draw::new(11, 0);
        let edges = [
            0,
            9,
            10,
            99,
            100,
            9_999,
            10_000,
            99_999_999,
            100_000_000,
            999_999_999_999,
        ];
        for number in edges
            .into_iter()
            .chain((0..100_000).map(|_| draw.below(1_000_000_000_000)))
        {
            assert_eq!(twelve_digits(number), format!("{number:012}").as_bytes());
        }
    }
}
