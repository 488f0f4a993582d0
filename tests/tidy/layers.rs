//! Layering: a module of the library names only modules below it.
//!
//! Owns the order of the layers. It reads `crate::` paths as text; it must not know what the modules hold.

use crate::source::{Finding, Source, is_identifier, line_at, words};

/// The layers from the lowest to the highest, as ARCHITECTURE.md gives them; each may name itself and what stands before it.
const ORDER: [&str; 17] = [
    "base",
    "protocol",
    "config",
    "script",
    "types",
    "keyspace",
    "format",
    "command",
    "family",
    "catalog",
    "shard",
    "coordinator",
    "persist",
    "replication",
    "rt",
    "server",
    "sim",
];

/// A shipped file of layer L may say `crate::M` only for M not above L, and only for modules that are in the order.
pub fn layering(source: &Source) -> Vec<Finding> {
    let Some(own) = layer_of(&source.path) else {
        return Vec::new();
    };
    let Some(own_rank) = rank(own) else {
        let message = format!("module `{own}` is not in the order of layers (tests/tidy/layers.rs)");
        return vec![Finding { line: 1, message }];
    };
    let code = source.shipped_code();
    let mut findings = Vec::new();
    for (offset, name) in crate_mentions(&code) {
        let objection = match rank(&name) {
            Some(named_rank) if named_rank <= own_rank => continue,
            Some(_) => format!("`{own}` names `crate::{name}`, which is a layer above it"),
            None => format!("`crate::{name}` is not a layer: name the module that owns it"),
        };
        findings.push(Finding {
            line: line_at(&code, offset),
            message: objection,
        });
    }
    findings
}

/// A command family names no other family: what two share belongs below them.
pub fn family_isolation(source: &Source) -> Vec<Finding> {
    let Some(own) = source
        .path
        .strip_prefix("src/family/")
        .and_then(|inside| inside.split(['/', '.']).next())
    else {
        return Vec::new();
    };
    let code = source.shipped_code();
    let mut findings = Vec::new();
    for (offset, _) in code.match_indices("crate::family::") {
        let named = module_name(&code[offset + "crate::family::".len()..]);
        if own != "mod" && named.as_deref() != Some(own) {
            let message = format!("family `{own}` names family `{}`", named.unwrap_or_default());
            findings.push(Finding {
                line: line_at(&code, offset),
                message,
            });
        }
    }
    findings
}

/// `super::` must not climb to the crate's root, where it would escape the layering rule.
pub fn parent_path(source: &Source) -> Vec<Finding> {
    let Some(depth) = module_depth(&source.path) else {
        return Vec::new();
    };
    let code = source.shipped_code();
    let mut findings = Vec::new();
    let mut chain_end = 0;
    for offset in words(&code, "super") {
        if offset < chain_end {
            continue;
        }
        let mut climbed = 0;
        let mut rest = &code[offset..];
        while let Some(after) = rest.strip_prefix("super::") {
            climbed += 1;
            rest = after;
        }
        chain_end = code.len() - rest.len();
        if climbed >= depth {
            let message = "`super::` reaches the crate's root: write `crate::` and the module".to_owned();
            findings.push(Finding {
                line: line_at(&code, offset),
                message,
            });
        }
    }
    findings
}

/// The top-level module a library file belongs to; none for the crate's roots and for what is not in `src/`.
fn layer_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/").filter(|_| path.ends_with(".rs"))?;
    let first = inside.split('/').next()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(name, "lib" | "main" | "bin")).then_some(name)
}

/// How many `super` lead from the file's module to the crate's root.
fn module_depth(path: &str) -> Option<usize> {
    layer_of(path)?;
    let depth = path.matches('/').count();
    Some(if path.ends_with("/mod.rs") { depth - 1 } else { depth })
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|&layer| layer == module)
}

/// Every module named right after `crate::`, also inside `crate::{a::B, c}`, with its offset.
fn crate_mentions(code: &str) -> Vec<(usize, String)> {
    let mut mentions = Vec::new();
    for offset in words(code, "crate") {
        let macro_path = offset > 0 && code.as_bytes()[offset - 1] == b'$';
        let Some(path) = code[offset..].strip_prefix("crate::") else {
            continue;
        };
        let start = offset + "crate::".len();
        if !path.starts_with('{') {
            mentions.extend(module_name(path).map(|name| (start, name)));
        } else if !macro_path {
            mentions.extend(group_heads(path).into_iter().map(|(at, name)| (start + at, name)));
        }
    }
    mentions
}

/// The first segment of each path of a `{...}` import group.
fn group_heads(group: &str) -> Vec<(usize, String)> {
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut expects_head = true;
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => break,
            b'}' => depth -= 1,
            b',' if depth == 1 => expects_head = true,
            _ if expects_head && is_identifier(byte) => {
                expects_head = false;
                heads.extend(module_name(&group[at..]).map(|name| (at, name)));
            }
            _ => {}
        }
    }
    heads
}

/// The lower-case identifier at the start of a path; a macro (`crate::name!`) belongs to no layer.
fn module_name(path: &str) -> Option<String> {
    let length = path.bytes().position(|byte| !is_identifier(byte)).unwrap_or(path.len());
    (length > 0 && !path[length..].starts_with('!')).then(|| path[..length].to_owned())
}

#[test]
fn a_lower_layer_must_not_name_a_higher_one() {
    let bad = Source::new(
        "src/types/list/mod.rs",
        "use crate::base::Bytes;\nuse crate::shard::Shard;\n",
    );
    assert_eq!(
        layering(&bad).iter().map(|finding| finding.line).collect::<Vec<_>>(),
        [2]
    );
    let grouped = Source::new(
        "src/protocol/mod.rs",
        "use crate::{base::{Bytes, glob},\n command::Spec};\n",
    );
    assert_eq!(
        layering(&grouped)
            .iter()
            .map(|finding| finding.line)
            .collect::<Vec<_>>(),
        [2]
    );
    let types = Source::new("src/types/list/mod.rs", "use crate::command::Reply;\n");
    assert_eq!(layering(&types).len(), 1);
    let inline = Source::new("src/base/time.rs", "fn f() { crate::rt::now() }\n");
    assert_eq!(layering(&inline).len(), 1);
    let unknown = Source::new("src/extras/mod.rs", "");
    assert_eq!(layering(&unknown).len(), 1);
    let root = Source::new("src/base/time.rs", "use crate::Everything;\n");
    assert_eq!(layering(&root).len(), 1);
}

#[test]
fn a_higher_layer_tests_and_comments_may_name_anything_below() {
    let good = "use crate::{command, types::list, keyspace::Keyspace};\n// crate::server\n\
                #[cfg(test)]\nmod tests { use crate::sim::Net; }\n";
    assert_eq!(layering(&Source::new("src/family/multi.rs", good)), []);
    assert_eq!(layering(&Source::new("src/base/tests.rs", "use crate::sim::Net;")), []);
}

#[test]
fn super_must_not_reach_the_root() {
    let bad = Source::new("src/types/list/mod.rs", "use super::hash;\nuse super::super::shard;\n");
    assert_eq!(
        parent_path(&bad).iter().map(|finding| finding.line).collect::<Vec<_>>(),
        [2]
    );
    let top = Source::new("src/types/mod.rs", "use super::shard::Shard;\n");
    assert_eq!(parent_path(&top).len(), 1);
    let file = Source::new("src/types/list.rs", "use super::hash;\n");
    assert_eq!(parent_path(&file), []);
}

#[test]
fn a_family_must_not_name_another() {
    let text = "use crate::family::list::LPUSH;\nuse crate::family::stream::Id;\n";
    let lines = |path| {
        family_isolation(&Source::new(path, text))
            .iter()
            .map(|found| found.line)
            .collect::<Vec<_>>()
    };
    assert_eq!(lines("src/family/list/push.rs"), [2]);
    assert_eq!(lines("src/family/stream.rs"), [1]);
    assert_eq!(lines("src/catalog/mod.rs"), [0usize; 0]);
}
