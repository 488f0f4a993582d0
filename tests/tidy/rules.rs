//! The rules that look at one file on its own, and the search for files nobody includes.
//!
//! Owns limits and word lists. It must not know the order of the layers.

use crate::source::{Finding, Source, closing_brace, is_identifier, line_at, words};
use std::collections::HashSet;

/// Above this a file is probably two ideas; it is only said.
const FILE_LINES_WARN: usize = 500;
/// Above this the test fails.
const FILE_LINES_MAX: usize = 800;
/// Above this a function fails the test; the aim is under 70.
const FUNCTION_LINES_MAX: usize = 90;
/// How many lines above an `unsafe` its reason may begin.
const SAFETY_REACH_LINES: usize = 12;

/// Names that say nothing about what a file holds.
const EMPTY_NAMES: [&str; 9] = [
    "util",
    "utils",
    "common",
    "helper",
    "helpers",
    "misc",
    "manager",
    "utilities",
    "shared_stuff",
];

/// Places that may contain `unsafe`: a path or a prefix that ends with a slash.
const UNSAFE_PLACES: [&str; 6] = [
    "src/base/collation.rs",
    "src/rt/",
    "src/script/",
    "src/keyspace/entry/block.rs",
    "src/base/prefetch.rs",
    "src/bin/corelane-bench/kernel/",
];

/// Fails for a file that is too long.
pub fn file_size(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    let message = format!("{lines} lines, at most {FILE_LINES_MAX}: it holds two ideas, find them");
    if lines > FILE_LINES_MAX {
        vec![Finding { line: lines, message }]
    } else {
        Vec::new()
    }
}

/// Says that a file grows too long.
pub fn size_warning(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    (lines > FILE_LINES_WARN).then(|| format!("{lines} lines, aim at {FILE_LINES_WARN}"))
}

/// Fails for a function whose signature and body are too long.
pub fn function_size(source: &Source) -> Vec<Finding> {
    let code = source.code.as_bytes();
    let mut findings = Vec::new();
    for start in words(&source.code, "fn") {
        let Some(open) = body_of(code, start) else { continue };
        let end = closing_brace(code, open);
        let lines = source.code[start..end].matches('\n').count() + 1;
        if lines > FUNCTION_LINES_MAX {
            let message = format!("{lines} lines, at most {FUNCTION_LINES_MAX}");
            findings.push(Finding {
                line: source.line_at(start),
                message,
            });
        }
    }
    findings
}

/// The opening brace of the function whose keyword is at `start`; none for pointers and declarations.
fn body_of(code: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0usize;
    let named = code[start + 2..]
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .copied()
        .is_some_and(is_identifier);
    for (offset, &byte) in code.iter().enumerate().skip(start).take_while(|_| named) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'{' if depth == 0 => return Some(offset),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Fails for constructs that must not be in the tree, or not in shipped code.
pub fn banned_words(source: &Source) -> Vec<Finding> {
    // Spelled in halves so that a search for the words finds only offenders.
    let everywhere = [
        (concat!("to", "do!"), "finish it or leave it out"),
        (concat!("unimple", "mented!"), "finish it or leave it out"),
        (concat!("db", "g!"), "remove what was for looking"),
        (concat!("allow(dead", "_code)"), "delete what nobody uses"),
        (concat!("allow(un", "used"), "delete what nobody uses"),
        (concat!("#[ig", "nore"), "a test runs or does not exist"),
    ];
    let shipped_only = [(".unwrap()", "write `expect(\"why it cannot fail\")` or return an error")];
    let shipped = source.shipped_code();
    let mut findings = Vec::new();
    let rules = everywhere.iter().map(|rule| (rule, &source.code));
    for (&(word, advice), code) in rules.chain(shipped_only.iter().map(|rule| (rule, &shipped))) {
        for (offset, _) in code.match_indices(word) {
            let inside_longer_word =
                offset > 0 && is_identifier(word.as_bytes()[0]) && is_identifier(code.as_bytes()[offset - 1]);
            if !inside_longer_word {
                findings.push(Finding {
                    line: line_at(code, offset),
                    message: format!("`{word}`: {advice}"),
                });
            }
        }
    }
    findings
}

/// Fails for a comment that marks unfinished work.
pub fn left_open(source: &Source) -> Vec<Finding> {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("HA", "CK"),
    ];
    let found = marks
        .iter()
        .flat_map(|mark| words(&source.comments, mark).into_iter().map(move |at| (mark, at)));
    found
        .map(|(mark, at)| Finding {
            line: source.line_at(at),
            message: format!("{mark} in a comment: do it or file it"),
        })
        .collect()
}

/// Fails for a file or folder whose name says nothing.
pub fn file_name(source: &Source) -> Vec<Finding> {
    let empty = |part: &&str| part.split(['.', '_', '-']).any(|word| EMPTY_NAMES.contains(&word));
    let finding = |part: &str| Finding {
        line: 1,
        message: format!("`{part}` says nothing: name what it holds"),
    };
    source.path.split('/').filter(empty).map(finding).collect()
}

/// Fails for a Rust file that does not begin with what it owns.
pub fn header(source: &Source) -> Vec<Finding> {
    let begins_well = source.text.starts_with("//!") && source.text.lines().next().is_some_and(|line| line.len() > 8);
    if !source.is_rust() || begins_well {
        return Vec::new();
    }
    vec![Finding {
        line: 1,
        message: "begin with `//!`: what the file owns and must not know".to_owned(),
    }]
}

/// Fails for `unsafe` outside the places that may have it.
pub fn unsafe_place(source: &Source) -> Vec<Finding> {
    let allowed = UNSAFE_PLACES
        .iter()
        .any(|place| source.path == *place || (place.ends_with('/') && source.path.starts_with(place)));
    if allowed {
        return Vec::new();
    }
    let message = format!("`unsafe` outside {UNSAFE_PLACES:?} (tests/tidy/rules.rs)");
    words(&source.code, "unsafe")
        .into_iter()
        .map(|at| Finding {
            line: source.line_at(at),
            message: message.clone(),
        })
        .collect()
}

/// Fails for an `unsafe` block or impl whose reason does not stand just above or beside it.
pub fn safety_comment(source: &Source) -> Vec<Finding> {
    let comment_lines: Vec<&str> = source.comments.lines().collect();
    let unexplained = |line: usize| {
        let from = line.saturating_sub(SAFETY_REACH_LINES);
        let reasons = ["SAFETY:", "# Safety"];
        !comment_lines[from..line]
            .iter()
            .any(|text| reasons.iter().any(|reason| text.contains(reason)))
    };
    words(&source.code, "unsafe")
        .into_iter()
        .filter(|&at| !is_function_pointer(&source.code[at..]))
        .map(|at| source.line_at(at))
        .filter(|&line| unexplained(line))
        .map(|line| Finding {
            line,
            message: "say why it is sound: `// SAFETY: ...` above it".to_owned(),
        })
        .collect()
}

/// Whether `unsafe` only spells a pointer's type, as in `unsafe extern "C" fn(i32)`.
fn is_function_pointer(code: &str) -> bool {
    let Some(keyword) = words(code, "fn").first().copied() else {
        return false;
    };
    !code[..keyword].contains(['{', ';', ')']) && code[keyword + 2..].trim_start().starts_with('(')
}

/// Names the Rust files of `src/` that no other file includes with `mod`.
pub fn dead_files(sources: &[Source]) -> Vec<String> {
    let included: HashSet<String> = sources.iter().flat_map(included_modules).collect();
    let is_root = |path: &str| path == "src/lib.rs" || path == "src/main.rs" || path.ends_with("/main.rs");
    let module_files = sources
        .iter()
        .filter(|source| source.is_rust() && source.path.starts_with("src/"));
    module_files
        .filter(|source| !is_root(&source.path) && !included.contains(module_path(&source.path)))
        .map(|source| format!("{}: dead file: no `mod` includes it", source.path))
        .collect()
}

/// The folder path that stands for a module: `src/a/mod.rs` and `src/a.rs` are both `src/a`.
fn module_path(path: &str) -> &str {
    path.strip_suffix("/mod.rs")
        .or_else(|| path.strip_suffix(".rs"))
        .unwrap_or(path)
}

/// The module paths that a file's `mod name;` lines include.
fn included_modules(source: &Source) -> Vec<String> {
    let parts = source.path.rsplit_once('/');
    let folder = match parts {
        Some((folder, "lib.rs" | "main.rs" | "mod.rs")) => folder,
        _ => module_path(&source.path),
    };
    let mut modules = Vec::new();
    for at in words(&source.code, "mod") {
        let name = source.code[at + 3..].trim_start();
        let length = name.bytes().position(|byte| !is_identifier(byte)).unwrap_or(name.len());
        if name[length..].trim_start().starts_with(';') {
            modules.push(format!("{folder}/{}", &name[..length]));
        }
    }
    modules
}
