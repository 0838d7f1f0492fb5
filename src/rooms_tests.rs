//! Which room may import which. The tables are the rule: a room imports only rooms above it. They are held against every `use` line
//! and every path in the code; tests may look wherever they like.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use rstest::rstest;

/// The rooms of `src/`, each below all that it may import.
const HOUSE: [&str; 21] = [
    "seam",
    "names",
    "identifiers",
    "display",
    "api",
    "device",
    "provenance",
    "flash_pod",
    "seal",
    "telemetry",
    "crash",
    "cluster",
    "settings",
    "flashclass",
    "flashjob",
    "steer",
    "http",
    "operator",
    "cli",
    "lib",
    "main",
];

/// The rooms of `src/flashjob`, likewise.
const FLASHJOB: [&str; 10] = [
    "verdict",
    "spec",
    "observe",
    "blueprint",
    "plan",
    "status",
    "explain",
    "forecast",
    "act",
    "controller",
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let of_tests = ["tests", "tests.rs", "fixtures", "fixtures.rs", "simulation"];
        if of_tests.contains(&name.as_str()) || name.ends_with("_tests.rs") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file without comments and without its module of tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let end = text.find("#[cfg(test)]\nmod tests {");
    let lines = text[..end.unwrap_or(text.len())].lines();
    let bare = lines.map(|line| line.split("//").next().unwrap_or_default());
    bare.collect::<Vec<_>>().join(" ")
}

/// The module path of a file below `src`: `flashjob/act/mod.rs` is `[flashjob, act]`.
fn module(below: &Path) -> Vec<String> {
    let bare = below.with_extension("");
    let parts = bare.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect()
}

/// Every path that begins at `crate` or `super` in a piece of code, absolute: the branches of a `{…}` are paths of their own.
fn paths(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].bytes().next_back();
            // The second `super` of `super::super` is read with the first.
            if before.is_some_and(|byte| word(byte) || byte == b':' || byte == b'$') {
                continue;
            }
            let mut base = Vec::new();
            let mut rest = &code[at..];
            if let Some(after) = rest.strip_prefix("crate::") {
                rest = after;
            } else {
                base = module.to_vec();
                while let Some(after) = rest.strip_prefix("super::") {
                    base.pop();
                    rest = after;
                }
            }
            branches(&base, rest, &mut found);
        }
    }
    found
}

/// Reads `a::{b, c::d}` after `base`. Returns how many bytes it took.
fn branches(base: &[String], text: &str, found: &mut Vec<Vec<String>>) -> usize {
    let mut path = base.to_vec();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let blank = rest.len() - rest.trim_start().len();
        at += blank;
        let rest = rest.trim_start();
        if rest.starts_with('{') {
            at += 1;
            while let Some(next) = text[at..].chars().next() {
                match next {
                    '}' => return at + 1,
                    ',' | ' ' | '\n' => at += 1,
                    _ => at += branches(&path, &text[at..], found).max(1),
                }
            }
            return at;
        }
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let name = &rest[..end.unwrap_or(rest.len())];
        at += name.len();
        if name != "self" && !name.is_empty() {
            path.push(name.to_owned());
        }
        if let Some(after) = text[at..].strip_prefix("::") {
            at = text.len() - after.len();
            continue;
        }
        found.push(path);
        return at;
    }
}

/// Every import of one room by another: (importing room, imported room, file).
fn imports(within: &[&str]) -> BTreeSet<(String, String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeSet::new();
    for file in files(&source) {
        let below = file.strip_prefix(&source).unwrap();
        let module = module(below);
        let room = |path: &[String]| {
            let inside = path.strip_prefix(within_path(within).as_slice())?;
            inside.first().cloned()
        };
        let Some(own) = room(&module) else { continue };
        for path in paths(&code(&file), &module) {
            if let Some(other) = room(&path).filter(|other| *other != own) {
                found.insert((own.clone(), other, below.display().to_string()));
            }
        }
    }
    found
}

fn within_path(within: &[&str]) -> Vec<String> {
    within.iter().map(|part| (*part).to_owned()).collect()
}

#[rstest]
#[case::of_the_house(&[], &HOUSE)]
#[case::of_the_controller(&["flashjob"], &FLASHJOB)]
fn a_room_imports_only_rooms_above_it(#[case] within: &[&str], #[case] order: &[&str]) {
    let floor = |room: &str| order.iter().position(|known| *known == room);
    let imports = imports(within);
    assert!(imports.len() > 30, "imports are found at all: {imports:?}");
    let wrong: Vec<_> = imports
        .into_iter()
        .filter(|(own, other, _)| {
            // A room that imports an item of its parent's has no floor to compare.
            floor(other).is_some_and(|there| floor(own).is_none_or(|here| there > here))
        })
        .collect();
    assert!(wrong.is_empty(), "imports upward: {wrong:#?}");
}

#[test]
fn every_room_has_its_floor() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms = |folder: &Path| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().path().with_extension(""));
        names
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    let not_rooms = |name: &String| {
        name.ends_with("_tests") || ["fixtures", "mod", "simulation"].contains(&name.as_str())
    };
    for (folder, order) in [
        (source.clone(), &HOUSE[..]),
        (source.join("flashjob"), &FLASHJOB),
    ] {
        let known: BTreeSet<String> = order.iter().map(|room| (*room).to_owned()).collect();
        let found: BTreeSet<String> = rooms(&folder)
            .into_iter()
            .filter(|name| !not_rooms(name))
            .collect();
        assert_eq!(found, known, "{}", folder.display());
    }
}

/// Every Rust file of a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The files that a file declares as its modules.
fn declared(file: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(file).unwrap();
    let folder = file.parent().unwrap();
    let of_folder = ["mod.rs", "lib.rs", "main.rs"]
        .iter()
        .any(|name| file.ends_with(name));
    let inside = if of_folder {
        folder.to_owned()
    } else {
        file.with_extension("")
    };
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some((_, rest)) = line.split_once("#[path = \"") {
            found.push(folder.join(rest.split('"').next().unwrap()));
        }
        let words = line
            .strip_suffix(';')
            .and_then(|line| line.rsplit_once("mod "));
        if let Some((_, name)) =
            words.filter(|(before, _)| before.is_empty() || before.starts_with("pub"))
        {
            found.extend([
                inside.join(format!("{name}.rs")),
                inside.join(name).join("mod.rs"),
            ]);
        }
    }
    found
}

/// Longer ones are read by nobody. Tables of tests may be.
#[test]
fn no_file_is_longer_than_400_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(root.join("crates")).unwrap();
    let crates = crates.map(|entry| entry.unwrap().path().join("src"));
    let all = crates.chain([root.join("src")]);
    let long: Vec<_> = all
        .flat_map(|source| files(&source))
        .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
        .filter(|(lines, _)| *lines > 400)
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// A file that no module declares is not compiled, and its tests never run.
#[test]
fn every_file_is_a_module_of_another() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(root.join("crates")).unwrap();
    let crates = crates.map(|entry| entry.unwrap().path().join("src"));
    for source in crates.chain([root.join("src")]) {
        let files = sources(&source);
        let known: BTreeSet<PathBuf> = files.iter().flat_map(|file| declared(file)).collect();
        let is_root = |file: &Path| {
            let below = file.strip_prefix(&source).unwrap();
            below.starts_with("bin") || ["lib.rs", "main.rs"].map(Path::new).contains(&below)
        };
        let alone: Vec<_> = files
            .iter()
            .filter(|file| !is_root(file) && !known.contains(*file))
            .collect();
        assert!(alone.is_empty(), "no module names {alone:?}");
    }
}

#[test]
fn paths_are_read_out_of_nested_braces_and_relative_ones_are_resolved() {
    let module: Vec<String> = ["flashjob", "act", "job"].map(str::to_owned).to_vec();
    let code = "use crate::{a::{self, b::C}, d}; use super::super::plan::Plan; crate::e::f()";
    let found: Vec<String> = paths(code, &module)
        .iter()
        .map(|path| path.join("::"))
        .collect();
    assert_eq!(found, ["a", "a::b::C", "d", "e::f", "flashjob::plan::Plan"]);
}
