//! The house rules as a test: layering, sizes, bans, headers, `unsafe`.
//!
//! Owns the list of rules and the walk over the tree. Reads text only; it must not know the library.
//! Every rule has a test on a small bad sample that shows it can fail.

#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/samples.rs"]
mod samples;
#[path = "tidy/source.rs"]
mod source;

use source::{Finding, Source};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders whose files obey the rules; those that do not exist yet are passed over.
const ROOTS: [&str; 6] = ["src", "tests", "benches", "fuzz", "scripts", "examples"];

/// A rule looks at one file.
type Rule = fn(&Source) -> Vec<Finding>;

/// Every rule, by the name a finding is reported under.
const RULES: [(&str, Rule); 11] = [
    ("layering", layers::layering),
    ("family", layers::family_isolation),
    ("parent path", layers::parent_path),
    ("file size", rules::file_size),
    ("function size", rules::function_size),
    ("banned word", rules::banned_words),
    ("left open", rules::left_open),
    ("file name", rules::file_name),
    ("header", rules::header),
    ("unsafe place", rules::unsafe_place),
    ("safety comment", rules::safety_comment),
];

#[test]
fn the_tree_obeys_the_house_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = read_tree(root);
    assert!(!sources.is_empty(), "the walk found no file under {}", root.display());
    let mut failures = Vec::new();
    for source in &sources {
        for (name, rule) in RULES {
            for finding in rule(source) {
                failures.push(format!("{}:{}: {name}: {}", source.path, finding.line, finding.message));
            }
        }
        if let Some(warning) = rules::size_warning(source) {
            println!("warning: {}: {warning}", source.path);
        }
    }
    failures.extend(rules::dead_files(&sources));
    assert!(
        failures.is_empty(),
        "{} findings:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Reads every text file of the rules' folders, with paths relative to `root`, in a stable order.
fn read_tree(root: &Path) -> Vec<Source> {
    let mut pending: Vec<PathBuf> = ROOTS
        .iter()
        .map(|folder| root.join(folder))
        .filter(|path| path.is_dir())
        .collect();
    let mut sources = Vec::new();
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the package can be read") {
            let path = entry.expect("an entry of a folder can be read").path();
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            if path.is_dir() {
                if !matches!(
                    name.as_str(),
                    "target" | "node_modules" | "__pycache__" | "corpus" | "artifacts"
                ) {
                    pending.push(path);
                }
            } else if name == "package-lock.json" {
                // Written by npm.
            } else if let Ok(text) = fs::read_to_string(&path) {
                let relative = path.strip_prefix(root).expect("the walk stays below the root");
                sources.push(Source::new(&relative.to_string_lossy(), &text));
            }
        }
    }
    sources.sort_by(|left, right| left.path.cmp(&right.path));
    sources
}
