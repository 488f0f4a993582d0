//! Compiles the Lua interpreter of `vendor/lua` into a static library.

use std::path::Path;

/// What of the interpreter is used.
const SOURCES: [&str; 25] = [
    "lapi.c",
    "lauxlib.c",
    "lbaselib.c",
    "lcode.c",
    "ldebug.c",
    "ldo.c",
    "ldump.c",
    "lfunc.c",
    "lgc.c",
    "llex.c",
    "lmathlib.c",
    "lmem.c",
    "lobject.c",
    "lopcodes.c",
    "loslib.c",
    "lparser.c",
    "lstate.c",
    "lstring.c",
    "lstrlib.c",
    "ltable.c",
    "ltablib.c",
    "ltm.c",
    "lundump.c",
    "lvm.c",
    "lzio.c",
];

fn main() {
    let folder = Path::new("vendor/lua");
    let mut build = cc::Build::new();
    build
        .include(folder)
        .opt_level(2)
        .warnings(false)
        .flag_if_supported("-fno-strict-aliasing");
    for source in SOURCES {
        build.file(folder.join(source));
    }
    build.compile("corelane_lua");
    println!("cargo::rerun-if-changed=vendor/lua");
    println!("cargo::rerun-if-changed=build.rs");
}
