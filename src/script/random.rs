//! `math.random` and `math.randomseed`, with the 48-bit linear congruential generator of POSIX's `drand48` family.
//!
//! Owns the generator, whose numbers for a given seed are the same as Valkey's on every machine.

use super::ffi::{self, State};
use super::outgoing::truncated;
use super::runtime::{Outcome, Raise, export, runtime};
use std::ffi::c_int;

/// Both functions raise on an argument that is no number.
const NUMBER: &std::ffi::CStr = c"number";
/// Numbers of the generator lie below this.
const BOUND: u32 = i32::MAX as u32;

export! { random = random_inner, randomseed = randomseed_inner }

/// The state before any seed, as POSIX has it.
pub const UNSEEDED: u64 = 0x1234_abcd_330e;

/// The state that follows from a seed.
pub fn seeded(seed: i32) -> u64 {
    (u64::from(seed as u32) << 16) | 0x330e
}

/// Steps the state and answers 31 bits.
fn next(state: &std::cell::Cell<u64>) -> u32 {
    let after = state.get().wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & ((1 << 48) - 1);
    state.set(after);
    (after >> 17) as u32
}

/// The number at `index`, or a complaint.
// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn number_at(lua: *mut State, index: c_int) -> Result<f64, Raise> {
    // SAFETY: reads the stack.
    unsafe {
        let number = ffi::lua_tonumber(lua, index);
        if number == 0.0 && !super::stack::is_number(lua, index) {
            return Err(Raise::Kind(index, NUMBER));
        }
        Ok(number)
    }
}

unsafe fn random_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us.
    unsafe {
        let fraction = f64::from(next(&runtime(lua).random) % BOUND) / f64::from(BOUND);
        let count = ffi::lua_gettop(lua);
        let (low, high, at) = match count {
            0 => {
                ffi::lua_pushnumber(lua, fraction);
                return Ok(1);
            }
            1 => (1, truncated(number_at(lua, 1)?) as i32, 1),
            2 => (
                truncated(number_at(lua, 1)?) as i32,
                truncated(number_at(lua, 2)?) as i32,
                2,
            ),
            _ => return super::stack::located(lua, b"wrong number of arguments"),
        };
        if low > high {
            return Err(Raise::Argument(at, c"interval is empty"));
        }
        let width = f64::from(high.wrapping_sub(low).wrapping_add(1));
        ffi::lua_pushnumber(lua, (fraction * width).floor() + f64::from(low));
        Ok(1)
    }
}

// SAFETY: for callers: `lua` is live and the heap's limit is lifted.
unsafe fn randomseed_inner(lua: *mut State) -> Outcome {
    // SAFETY: Lua called us.
    unsafe {
        let seed = truncated(number_at(lua, 1)?) as i32;
        runtime(lua).random.set(seeded(seed));
        Ok(0)
    }
}
