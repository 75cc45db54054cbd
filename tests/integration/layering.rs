//! Checks the layering of `.github/CONTRIBUTING.md`: a module imports only modules below it, a type
//! has a name of its own, and its methods are in one file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every module and what it may import.
const MODULES: [(&str, &[&str]); 19] = [
    ("rng", &[]),
    ("files", &[]),
    ("protocol", &[]),
    ("picture", &["rng"]),
    ("linalg", &[]),
    ("data", &["files", "picture", "rng"]),
    ("nn", &["linalg", "rng"]),
    ("ui", &["protocol", "picture"]),
    ("logs", &["protocol"]),
    ("catalog", &["files", "logs", "protocol"]),
    ("spec", &["files", "nn", "data", "protocol", "rng"]),
    ("model", &["files", "spec", "nn", "linalg", "data", "protocol", "rng"]),
    ("train", &["files", "model", "spec", "nn", "linalg", "data", "protocol", "rng"]),
    ("reading", &["files", "model", "spec", "data", "picture", "protocol"]),
    ("jobs", &["files", "train", "model", "spec", "nn", "data", "protocol", "rng"]),
    ("book", &["files", "jobs", "train", "model", "spec", "nn", "data", "protocol", "rng"]),
    ("explore", &["files", "jobs", "train", "model", "spec", "nn", "data", "protocol", "rng"]),
    (
        "session",
        &[
            "logs", "catalog", "book", "explore", "jobs", "train", "model", "reading", "spec",
            "nn", "data", "files", "picture", "protocol", "rng",
        ],
    ),
    (
        "cli",
        &[
            "session", "book", "explore", "jobs", "train", "model", "reading", "spec", "ui", "nn",
            "linalg", "data", "files", "picture", "protocol", "rng", "logs", "catalog",
        ],
    ),
];

#[test]
fn every_module_imports_only_lower_modules() {
    let mut forbidden = Vec::new();
    for file in sources() {
        let Some(module) = top_module_of(&file) else { continue };
        let (_, allowed) = MODULES
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{}: no module is called {module}", file.display()));
        let text = fs::read_to_string(&file).unwrap();
        for imported in imports(&text, depth_of(&file)) {
            let known = MODULES.iter().any(|(name, _)| *name == imported);
            if known && imported != module && !allowed.contains(&imported.as_str()) {
                forbidden.push(format!("{}: imports crate::{imported}", file.display()));
            }
        }
    }
    assert!(forbidden.is_empty(), "forbidden by the layering:\n{}", forbidden.join("\n"));
}

#[test]
fn sibling_modules_have_no_import_cycles() {
    // For every module, the sibling modules that it names after `super::`.
    let mut imports = BTreeMap::<PathBuf, BTreeSet<PathBuf>>::new();
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let module = module_of(&file);
        let beside = module.parent().unwrap();
        let names = named_after("super::", &code(text.split("#[cfg(test)]\nmod").next().unwrap()));
        imports.insert(module.clone(), names.iter().map(|name| beside.join(name)).collect());
    }
    let modules: BTreeSet<PathBuf> = imports.keys().cloned().collect();
    assert!(imports.values().flatten().any(|module| modules.contains(module)), "imports are seen");
    // A module that imports no remaining module is not part of a cycle.
    while let Some(free) = imports
        .iter()
        .find(|(_, names)| !names.iter().any(|name| imports.contains_key(name)))
        .map(|(module, _)| module.clone())
    {
        imports.remove(&free);
    }
    assert!(imports.is_empty(), "in a circle, or above one: {:?}", imports.keys());
}

/// Exceptions: constructors that parse a format are in the file of that format, and texts in a file
/// of their own.
const SPLIT: [(&str, &[&str]); 8] = [
    ("Dataset", &["data/mnist.rs", "data/formats/mod.rs"]),
    ("Drawing", &["data/image.rs"]),
    ("EpochStats", &["protocol/metric.rs"]),
    ("Images", &["data/decode.rs"]),
    ("Language", &["ui/language/explorables.rs"]),
    ("RunDir", &["session/address.rs"]),
    ("RunView", &["protocol/catch_up.rs"]),
    ("Spec", &["spec/defaults.rs", "spec/validate.rs"]),
];

#[test]
fn the_methods_of_a_type_are_in_the_file_that_defines_it() {
    let mut elsewhere = Vec::new();
    let mut seen = 0;
    for file in sources().iter().filter(|file| !file.ends_with("tests.rs")) {
        let code = code(&fs::read_to_string(file).unwrap());
        let below = file.strip_prefix(root()).unwrap().to_str().unwrap();
        for name in code.lines().filter_map(inherent_impl) {
            seen += 1;
            let split = |(split, files): &(&str, &[&str])| *split == name && files.contains(&below);
            if !defines(&code, &name) && !SPLIT.iter().any(split) {
                elsewhere.push(format!("{below}: impl {name}"));
            }
        }
    }
    assert!(seen > 100, "{seen} impl blocks are seen");
    assert!(elsewhere.is_empty(), "methods of types of other files:\n{}", elsewhere.join("\n"));
}

#[test]
fn inherent_impls_are_distinguished_from_trait_impls() {
    let name = |line: &str| inherent_impl(line).unwrap_or_default();
    assert_eq!(name("impl Trainer {"), "Trainer");
    assert_eq!(name("impl<S: Simd, const N: usize> Row<S, N> {"), "Row");
    assert_eq!(name("    impl<'a> Rows<'a> {"), "Rows");
    assert_eq!(name("impl Layer for Dense {"), "");
    assert_eq!(name("fn f(x: impl Fn()) {"), "");
    assert!(defines("pub(super) struct Rows<'a> {", "Rows") && !defines("struct Rows2;", "Rows"));
}

/// One name has one meaning in the whole crate, so that a search for it finds one type.
#[test]
fn no_two_types_have_the_same_name() {
    let mut files = BTreeMap::<String, BTreeSet<PathBuf>>::new();
    for file in sources().into_iter().filter(|file| !file.ends_with("tests.rs")) {
        for name in defined_types(&code(&fs::read_to_string(&file).unwrap())) {
            files.entry(name).or_default().insert(file.clone());
        }
    }
    assert!(files.len() > 500, "{} types are seen", files.len());
    files.retain(|_, files| files.len() > 1);
    assert!(files.is_empty(), "types with the same name:\n{files:#?}");
}

#[test]
fn type_definitions_are_recognised() {
    let code = "pub(super) struct Rows<'a> {\n    enum Kind {\ntype Pair = (u8, u8);\n    type Item = \
                u8;\nimpl Trait for Rows<'_> {\nstructure Other;\n";
    assert_eq!(defined_types(code).collect::<Vec<_>>(), ["Rows", "Kind", "Pair"]);
}

/// The types that a text defines. An indented `type` is an associated type, which may share its name.
fn defined_types(code: &str) -> impl Iterator<Item = String> {
    code.lines().filter_map(|line| {
        let unindented = line.trim_start();
        let definition = match unindented.strip_prefix("pub") {
            Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
            Some(rest) => rest.trim_start(),
            None => unindented,
        };
        let keywords = ["struct ", "enum ", "trait ", "union ", "type "];
        let keyword = keywords.into_iter().find(|keyword| definition.starts_with(keyword))?;
        let associated = keyword == "type " && line.starts_with(' ');
        (!associated).then(|| head(&definition[keyword.len()..]))
    })
}

/// The type of an inherent impl that starts in this line.
fn inherent_impl(line: &str) -> Option<String> {
    let mut rest = line.trim_start().strip_prefix("impl")?;
    if rest.starts_with('<') {
        let mut depth = 0;
        let end = rest.char_indices().find(|&(_, c)| {
            depth += i32::from(c == '<') - i32::from(c == '>');
            depth == 0
        });
        rest = &rest[end?.0 + 1..];
    }
    let rest = rest.strip_prefix(' ')?;
    (!rest.contains(" for ")).then(|| head(rest)).filter(|name| !name.is_empty())
}

/// Whether a text defines a type with this name.
fn defines(code: &str, name: &str) -> bool {
    ["struct ", "enum "].iter().any(|keyword| {
        let definition = format!("{keyword}{name}");
        code.match_indices(&definition).any(|(at, _)| head(&code[at + keyword.len()..]) == name)
    })
}

#[test]
fn every_kind_of_import_is_recognised() {
    let names = |text| imports(text, 2).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(names("use crate::nn::{Cost, Init};"), "nn");
    assert_eq!(names("use crate::{data::idx, nn::{self, Cost}, rng};"), "data nn rng");
    assert_eq!(names("pub use crate::{\n    ui,\n    session as s,\n};"), "session ui");
    assert_eq!(names("let x = crate::handle::build();"), "handle");
    assert_eq!(names("use super::super::protocol::Event;"), "protocol");
    assert_eq!(names("use super::protocol; // crate::ui\n/// crate::data"), "");
    assert_eq!(names("pub(crate) fn f() {}"), "");
}

/// The Rust files under `src/`.
fn sources() -> Vec<PathBuf> {
    fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    collect(&root(), &mut files);
    assert!(files.len() > 20, "src/ was found");
    files.sort();
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// `train` for `src/train/run.rs`, `rng` for `src/rng.rs`; `None` for the roots of the crates.
fn top_module_of(file: &Path) -> Option<String> {
    let first = file.strip_prefix(root()).unwrap().components().next()?;
    let name = Path::new(first.as_os_str()).file_stem()?.to_str()?.to_owned();
    (!["main", "lib"].contains(&name.as_str())).then_some(name)
}

/// How many times `super` leads from a file's module to the crate's root.
fn depth_of(file: &Path) -> usize {
    let below = file.strip_prefix(root()).unwrap();
    below.components().count() - usize::from(below.ends_with("mod.rs"))
}

/// `src/ui/app` for `src/ui/app.rs`, `src/cli/book` for `src/cli/book/mod.rs`.
fn module_of(file: &Path) -> PathBuf {
    if file.ends_with("mod.rs") { file.parent().unwrap().into() } else { file.with_extension("") }
}

/// The top-level modules that a text names after `crate::`, or after as many `super::` as lead to
/// the root.
fn imports(text: &str, depth: usize) -> BTreeSet<String> {
    let code = code(text);
    let mut found = named_after("crate::", &code);
    found.extend(named_after(&"super::".repeat(depth), &code));
    found
}

/// A text without its comments.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The names directly after a prefix that begins a path.
fn named_after(prefix: &str, code: &str) -> BTreeSet<String> {
    let begins = |at: usize| {
        !code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | ':'))
    };
    let places = code.match_indices(prefix).filter(|&(at, _)| begins(at));
    let names = places.flat_map(|(at, _)| heads(&code[at + prefix.len()..]));
    names.filter(|name| !name.is_empty()).collect()
}

/// The first names of a path, or of every path of a group in braces.
fn heads(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else { return vec![head(rest)] };
    let mut level = 0;
    let mut names = Vec::new();
    let mut start = 0;
    for (at, character) in group.char_indices() {
        match character {
            '{' => level += 1,
            '}' | ',' if level == 0 => {
                names.push(head(&group[start..at]));
                start = at + 1;
                if character == '}' {
                    break;
                }
            }
            '}' => level -= 1,
            _ => {}
        }
    }
    names
}

fn head(path: &str) -> String {
    path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
