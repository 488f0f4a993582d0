//! The library `bit`: operations on 32 bits.
//!
//! Owns the reduction of numbers to 32 bits, which wraps around, and the functions. Results are signed.

use super::ffi::State;
use super::lua::{Lua, functions};
use super::runtime::{Outcome, Raise};
use super::stack;
use std::ffi::c_int;

functions! {
    tobit = tobit_inner,
    bnot = bnot_inner,
    bswap = bswap_inner,
    tohex = tohex_inner,
    band = band_inner,
    bor = bor_inner,
    bxor = bxor_inner,
    lshift = lshift_inner,
    rshift = rshift_inner,
    arshift = arshift_inner,
    rol = rol_inner,
    ror = ror_inner,
}

/// Adds the library to the globals on top of the stack.
///
/// # Safety
/// As for [`super::sandbox::build`].
pub unsafe fn open(lua: *mut State) {
    // SAFETY: as the caller promises.
    unsafe {
        stack::set_library(
            lua,
            "bit",
            &[
                ("tobit", tobit),
                ("bnot", bnot),
                ("bswap", bswap),
                ("tohex", tohex),
                ("band", band),
                ("bor", bor),
                ("bxor", bxor),
                ("lshift", lshift),
                ("rshift", rshift),
                ("arshift", arshift),
                ("rol", rol),
                ("ror", ror),
            ],
        );
        stack::pop(lua, 1);
    }
}

/// The low 32 bits of an argument, rounded to the nearest integer as adding 2^52 + 2^51 does.
fn bits(lua: &Lua, index: c_int) -> Result<u32, Raise> {
    Ok((lua.check_number(index)? + 6_755_399_441_055_744.0).to_bits() as u32)
}

fn answer(lua: &Lua, bits: u32) -> Outcome {
    lua.push_number(f64::from(bits as i32));
    Ok(1)
}

fn tobit_inner(lua: &Lua) -> Outcome {
    answer(lua, bits(lua, 1)?)
}

fn bnot_inner(lua: &Lua) -> Outcome {
    answer(lua, !bits(lua, 1)?)
}

fn bswap_inner(lua: &Lua) -> Outcome {
    answer(lua, bits(lua, 1)?.swap_bytes())
}

fn fold(lua: &Lua, join: fn(u32, u32) -> u32) -> Outcome {
    let mut all = bits(lua, 1)?;
    for index in 2..=lua.top() {
        all = join(all, bits(lua, index)?);
    }
    answer(lua, all)
}

fn band_inner(lua: &Lua) -> Outcome {
    fold(lua, |left, right| left & right)
}

fn bor_inner(lua: &Lua) -> Outcome {
    fold(lua, |left, right| left | right)
}

fn bxor_inner(lua: &Lua) -> Outcome {
    fold(lua, |left, right| left ^ right)
}

fn shift(lua: &Lua, by: fn(u32, u32) -> u32) -> Outcome {
    let value = bits(lua, 1)?;
    let count = bits(lua, 2)? & 31;
    answer(lua, by(value, count))
}

fn lshift_inner(lua: &Lua) -> Outcome {
    shift(lua, |value, count| value << count)
}

fn rshift_inner(lua: &Lua) -> Outcome {
    shift(lua, |value, count| value >> count)
}

fn arshift_inner(lua: &Lua) -> Outcome {
    shift(lua, |value, count| (value as i32 >> count) as u32)
}

fn rol_inner(lua: &Lua) -> Outcome {
    shift(lua, u32::rotate_left)
}

fn ror_inner(lua: &Lua) -> Outcome {
    shift(lua, u32::rotate_right)
}

/// Hexadecimal digits, 8 unless told; a negative number asks for capitals.
fn tohex_inner(lua: &Lua) -> Outcome {
    let value = bits(lua, 1)?;
    let digits = if lua.top() < 2 { 8 } else { bits(lua, 2)? as i32 };
    let text = if digits < 0 {
        format!("{value:08X}")
    } else {
        format!("{value:08x}")
    };
    let kept = (digits.unsigned_abs().min(8)) as usize;
    lua.push_bytes(&text.as_bytes()[8 - kept..]);
    Ok(1)
}
