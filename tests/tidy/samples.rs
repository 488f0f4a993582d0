//! Small bad samples: for every rule one that it must catch and one that it must let pass.
//!
//! The samples of the layering rules stand beside them.

use crate::rules::*;
use crate::source::{Finding, Source};

/// The lines at which a rule objects to `text` in a shipped file.
fn lines(rule: fn(&Source) -> Vec<Finding>, text: &str) -> Vec<usize> {
    lines_at(rule, "src/base/sample.rs", text)
}

fn lines_at(rule: fn(&Source) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
    rule(&Source::new(path, text))
        .iter()
        .map(|finding| finding.line)
        .collect()
}

#[test]
fn code_and_comments_are_told_apart() {
    let text = concat!(
        "let a = \"x // no\"; // one\n",
        "let b = r#\"\"quote\" /* no */\"#; /* two /* nested */ still */ c\n",
        "let c = '\"'; let d: &'static str = \"\\\"}\"; let e = b'\\''; 'outer: loop {}\n",
    );
    let source = Source::new("src/base/sample.rs", text);
    assert_eq!(source.code.len(), text.len());
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    assert_eq!(words(&source.comments), "// one /* two /* nested */ still */");
    assert_eq!(
        words(&source.code),
        "let a = \" \"; let b = r#\" #; c let c = ' '; let d: &'static str = \" \"; let e = b' '; 'outer: loop {}"
    );
}

#[test]
fn items_under_cfg_test_are_not_shipped() {
    let text = "fn a() {}\n#[cfg(test)]\n#[path = \"t.rs\"]\nmod tests { fn inner() { b(); } }\nfn c() {}\n#[cfg(test)]\nmod other;\nfn d() {}\n";
    let shipped = Source::new("src/base/sample.rs", text).shipped_code();
    assert!(
        shipped.contains("fn a") && shipped.contains("fn c") && shipped.contains("fn d"),
        "{shipped}"
    );
    assert!(!shipped.contains("inner") && !shipped.contains("other"), "{shipped}");
}

#[test]
fn a_file_has_at_most_800_lines() {
    assert_eq!(lines(file_size, &"\n".repeat(801)), [801]);
    assert_eq!(lines(file_size, &"\n".repeat(800)), []);
    assert!(size_warning(&Source::new("src/a.rs", &"\n".repeat(501))).is_some());
    assert!(size_warning(&Source::new("src/a.rs", &"\n".repeat(500))).is_none());
}

#[test]
fn a_function_has_at_most_90_lines() {
    let function = |body: usize| format!("//! h\nfn long(\n) {{\n{}}}\n", "    step();\n".repeat(body));
    assert_eq!(lines(function_size, &function(88)), [2]);
    assert_eq!(lines(function_size, &function(87)), []);
    let pointer = format!(
        "type F = fn(u8) -> u8;\nstruct S {{\n{}}}\n",
        "    a: u8,\n".repeat(100)
    );
    assert_eq!(lines(function_size, &pointer), []);
}

#[test]
fn banned_words_are_caught_in_code_only() {
    for word in [
        concat!("to", "do!()"),
        concat!("unimple", "mented!()"),
        concat!("db", "g!(1)"),
    ] {
        assert_eq!(lines(banned_words, &format!("fn f() {{\n{word}\n}}\n")), [2], "{word}");
        assert_eq!(
            lines(banned_words, &format!("// {word}\nfn f() {{ g(\"{word}\") }}\n")),
            [],
            "{word}"
        );
    }
    assert_eq!(
        lines(banned_words, concat!("#[allow(dead", "_code)]\nfn f() {}\n")),
        [1]
    );
    assert_eq!(
        lines(banned_words, concat!("#[ig", "nore = \"slow\"]\nfn f() {}\n")),
        [1]
    );
    assert_eq!(lines(banned_words, concat!("fn f() { my_db", "g!(1) }\n")), []);
}

#[test]
fn unwrap_is_for_tests() {
    let text = "fn f() {\n g().unwrap();\n}\n#[cfg(test)]\nmod tests { fn t() { g().unwrap(); } }\n";
    assert_eq!(lines(banned_words, text), [2]);
    assert_eq!(lines_at(banned_words, "src/base/tests.rs", text), []);
    assert_eq!(lines(banned_words, "fn f() { g().unwrap_or_default() }\n"), []);
}

#[test]
fn open_work_is_caught_in_comments() {
    assert_eq!(lines(left_open, concat!("fn f() {}\n// TO", "DO later\n")), [2]);
    assert_eq!(lines(left_open, concat!("/* FIX", "ME */\n")), [1]);
    assert_eq!(lines(left_open, concat!("fn f() { g(\"XX", "X\") }\n")), []);
}

#[test]
fn names_say_something() {
    assert_eq!(lines_at(file_name, concat!("src/base/ut", "il.rs"), ""), [1]);
    assert_eq!(lines_at(file_name, concat!("src/com", "mon/mod.rs"), ""), [1]);
    assert_eq!(lines_at(file_name, concat!("src/types/list_hel", "pers.rs"), ""), [1]);
    assert_eq!(lines_at(file_name, "src/types/utility_belt.rs", ""), []);
}

#[test]
fn a_file_begins_with_its_header() {
    assert_eq!(lines(header, "use std::fmt;\n"), [1]);
    assert_eq!(lines(header, "//! x\n"), [1]);
    assert_eq!(lines(header, "//! Owns the clock.\n"), []);
    assert_eq!(lines_at(header, "scripts/demo", "#!/usr/bin/env bash\n"), []);
}

#[test]
fn unsafe_has_its_places_and_its_reason() {
    let bare = "fn f() {\n    unsafe { g() }\n}\n";
    let reasoned = "fn f() {\n    // SAFETY: g needs nothing.\n    unsafe { g() }\n}\n";
    assert_eq!(lines(unsafe_place, bare), [2]);
    assert_eq!(lines_at(unsafe_place, "src/rt/ring.rs", bare), []);
    assert_eq!(lines_at(safety_comment, "src/rt/ring.rs", bare), [2]);
    assert_eq!(lines_at(safety_comment, "src/rt/ring.rs", reasoned), []);
    assert_eq!(lines(unsafe_place, "#![deny(unsafe_code)] // no unsafe here\n"), []);
    assert_eq!(
        lines(safety_comment, "type Handler = unsafe extern \"C\" fn(i32);\n"),
        []
    );
}

#[test]
fn a_file_that_nobody_includes_is_dead() {
    let tree = [
        Source::new("src/lib.rs", "pub mod base;\n"),
        Source::new("src/base/mod.rs", "mod time;\npub(crate) mod glob;\n// mod gone;\n"),
        Source::new("src/base/time.rs", "mod zone;\n"),
        Source::new("src/base/time/zone.rs", ""),
        Source::new("src/base/glob/mod.rs", ""),
        Source::new("src/base/gone.rs", ""),
    ];
    assert_eq!(dead_files(&tree), ["src/base/gone.rs: dead file: no `mod` includes it"]);
}
