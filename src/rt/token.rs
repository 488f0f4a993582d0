//! What a completion says about itself: the 64 bits of user data that every operation carries.
//!
//! Owns their layout: kind (8 bits), generation of the connection (24), place in its table (32). It must not know what the
//! kinds do.

/// What kind of operation completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Op {
    /// A listener took a connection; the index is the listener's.
    Accept,
    /// Bytes, or readiness, of a connection.
    Receive,
    /// A send ended; the result is how many bytes went.
    Send,
    /// An operation whose result does not matter (cancellations).
    Ignored,
    /// The doorbell's counter was read.
    Bell,
    /// A peer's ring woke this one.
    Rung,
    /// Waking a peer's ring failed; the index is the peer's.
    Ring,
    /// A step of writing the log.
    Log,
}

const OPS: [Op; 8] = [
    Op::Accept,
    Op::Receive,
    Op::Send,
    Op::Ignored,
    Op::Bell,
    Op::Rung,
    Op::Ring,
    Op::Log,
];

/// Generations are kept in so many bits.
const GENERATION_BITS: u32 = 24;

/// The largest generation; the next one is 0.
pub const GENERATION_MAX: u32 = (1 << GENERATION_BITS) - 1;

/// An operation and whom it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The kind.
    pub op: Op,
    /// Tells this use of the place from earlier ones; at most [`GENERATION_MAX`].
    pub generation: u32,
    /// The place in the table of connections, or what the kind says.
    pub index: u32,
}

impl Token {
    /// A token that concerns no connection.
    pub fn plain(op: Op, index: u32) -> Self {
        Token {
            op,
            generation: 0,
            index,
        }
    }

    /// The user data.
    pub fn encode(self) -> u64 {
        (self.op as u64) << 56 | u64::from(self.generation & GENERATION_MAX) << 32 | u64::from(self.index)
    }

    /// The token that [`Token::encode`] made the user data from.
    pub fn decode(user_data: u64) -> Self {
        Token {
            op: OPS[(user_data >> 56) as usize % OPS.len()],
            generation: (user_data >> 32) as u32 & GENERATION_MAX,
            index: user_data as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_the_kernel() {
        for op in OPS {
            for (generation, index) in [(0, 0), (GENERATION_MAX, u32::MAX), (5, 70_000)] {
                let token = Token { op, generation, index };
                assert_eq!(Token::decode(token.encode()), token);
            }
        }
    }
}
