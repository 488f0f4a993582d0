//! Mutations of byte strings: what a fuzz target is tried on. Knows no target.

use corelane::base::rng::Rng;

/// Changes `input` in one to eight places.
pub fn mutate(input: &mut Vec<u8>, tokens: &[&[u8]], rng: &mut Rng) {
    for _ in 0..=rng.below(8) {
        let at = rng.below(input.len() as u64 + 1) as usize;
        match rng.below(8) {
            0 => flip_bit(input, at, rng),
            1 => {
                input.insert(at, rng.next_u64() as u8);
            }
            2 => remove(input, at, rng),
            3 => repeat(input, at, rng),
            4 => {
                let number = interesting_number(rng).to_string();
                input.splice(at..at, number.bytes());
            }
            5 => replace_digits(input, rng),
            _ if !tokens.is_empty() => {
                let token = tokens[rng.below(tokens.len() as u64) as usize];
                input.splice(at..at, token.iter().copied());
            }
            _ => input.truncate(at),
        }
    }
}

fn flip_bit(input: &mut [u8], at: usize, rng: &mut Rng) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << rng.below(8);
    }
}

fn remove(input: &mut Vec<u8>, at: usize, rng: &mut Rng) {
    let end = input.len().min(at + 1 + rng.below(8) as usize);
    input.drain(at..end);
}

fn repeat(input: &mut Vec<u8>, at: usize, rng: &mut Rng) {
    let end = input.len().min(at + 1 + rng.below(32) as usize);
    let piece = input[at..end].to_vec();
    let to = rng.below(input.len() as u64 + 1) as usize;
    input.splice(to..to, piece);
}

/// Puts another number where digits stand.
fn replace_digits(input: &mut Vec<u8>, rng: &mut Rng) {
    let starts: Vec<usize> = (0..input.len())
        .filter(|&at| input[at].is_ascii_digit() && (at == 0 || !input[at - 1].is_ascii_digit()))
        .collect();
    if starts.is_empty() {
        return;
    }
    let start = starts[rng.below(starts.len() as u64) as usize];
    let len = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = interesting_number(rng).to_string();
    input.splice(start..start + len, number.bytes());
}

fn interesting_number(rng: &mut Rng) -> i64 {
    let edges = [0, 1, 7, 9, 10, 99, 100, 255, 999, 1000, 1024, 16_384, 65_535];
    let wide = [i64::from(i32::MAX), i64::from(u32::MAX), i64::MAX, i64::MIN, 512 << 20];
    let number: i64 = match rng.below(3) {
        0 => edges[rng.below(edges.len() as u64) as usize],
        1 => wide[rng.below(wide.len() as u64) as usize],
        _ => rng.below(40) as i64,
    };
    number.wrapping_add(rng.below(3) as i64 - 1)
}
