//! Builds the tests with all mutants in them; mutants that do not compile are left out, as far as the compiler names them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{
    instrument::{Instrumented, Wrapped, instrument},
    mutant::{Genre, Mutant},
    sites::Range,
    tree::Tree,
};

/// Tests that have all mutants in them.
pub struct Built {
    /// Unit tests of the packages, and the parity with Helm.
    pub programs: Vec<Program>,
    /// Mutants that can be switched on.
    pub live: BTreeSet<usize>,
    /// Mutants that do not compile.
    pub uncompilable: BTreeSet<usize>,
    /// Mutants that this cannot try, and why.
    pub untried: BTreeMap<usize, &'static str>,
    /// Where files of a run go.
    pub scratch: PathBuf,
}

/// Tests of a package.
pub struct Program {
    /// Name of the package, or of a test beside it.
    pub name: String,
    /// Path of the program.
    pub path: PathBuf,
    /// Directory of the package: tests run in it.
    pub package: PathBuf,
}

/// Builds the tests that mutants are tried on.
const TESTS: [&str; 5] = ["test", "--no-run", "--lib", "--test", "parity"];
/// Most builds: each finds more of what does not compile.
const MAX_BUILDS: usize = 60;

/// Writes the mutants into the copy and builds it, until it compiles.
pub fn build(tree: &Tree, mutants: &[Mutant], chosen: &BTreeSet<usize>) -> Result<Built> {
    let packages = packages(tree, mutants, chosen)?;
    for package in &packages {
        tree.add_switch(package)?;
    }
    let mut uncompilable = BTreeSet::new();
    for number in 1..=MAX_BUILDS {
        let left = chosen.difference(&uncompilable).copied().collect();
        let files = instrument_all(tree, mutants, &left)?;
        // Checking is quicker, and finds nearly all.
        let mut said = cargo(tree, &["check", "--lib"], &files, mutants)?;
        if said.bad.is_none() {
            said = cargo(tree, &TESTS, &files, mutants)?;
        }
        let Some(bad) = said.bad else {
            let sources: Vec<_> = packages
                .iter()
                .map(|package| tree.copy.join(package))
                .collect();
            let is_wanted = |program: &Program| sources.contains(&program.package.join("src"));
            said.programs.retain(is_wanted);
            return finish(tree, &files, left, uncompilable, said.programs);
        };
        println!("build {number}: {} mutants do not compile", bad.len());
        uncompilable.extend(bad);
    }
    bail!("it did not compile after {MAX_BUILDS} builds")
}

/// The source directories of packages that have mutants.
fn packages(tree: &Tree, mutants: &[Mutant], chosen: &BTreeSet<usize>) -> Result<BTreeSet<String>> {
    let of = |number: &usize| {
        let ancestors = Path::new(&mutants[*number].file).ancestors();
        let mut sources =
            ancestors.filter(|path| tree.pristine.join(path).join("lib.rs").is_file());
        let sources = sources
            .next()
            .with_context(|| format!("{} has no lib.rs above it", mutants[*number].file))?;
        Ok(sources.to_string_lossy().into_owned())
    };
    chosen.iter().map(of).collect()
}

fn instrument_all(
    tree: &Tree,
    mutants: &[Mutant],
    chosen: &BTreeSet<usize>,
) -> Result<BTreeMap<String, Instrumented>> {
    let mut by_file: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for &number in chosen {
        by_file
            .entry(&mutants[number].file)
            .or_default()
            .insert(number);
    }
    let mut files = BTreeMap::new();
    for (file, numbers) in by_file {
        let source =
            fs::read_to_string(tree.pristine.join(file)).with_context(|| format!("read {file}"))?;
        let instrumented =
            instrument(&source, mutants, &numbers).with_context(|| format!("parse {file}"))?;
        fs::write(tree.copy.join(file), &instrumented.text)?;
        files.insert(file.to_owned(), instrumented);
    }
    Ok(files)
}

fn finish(
    tree: &Tree,
    files: &BTreeMap<String, Instrumented>,
    left: BTreeSet<usize>,
    uncompilable: BTreeSet<usize>,
    programs: Vec<Program>,
) -> Result<Built> {
    let untried: BTreeMap<_, _> = files
        .values()
        .flat_map(|file| file.untried.clone())
        .collect();
    let live = left
        .into_iter()
        .filter(|number| !untried.contains_key(number))
        .collect();
    let scratch = tree.copy.join("target");
    fs::create_dir_all(&scratch)?;
    Ok(Built {
        programs,
        live,
        uncompilable,
        untried,
        scratch,
    })
}

/// What cargo said.
struct Said {
    /// Mutants that do not compile; none where everything compiles.
    bad: Option<BTreeSet<usize>>,
    programs: Vec<Program>,
}

#[derive(Deserialize)]
// What cargo prints with `--message-format=json`.
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line {
    CompilerMessage {
        message: Diagnostic,
    },
    CompilerArtifact {
        target: Target,
        manifest_path: PathBuf,
        executable: Option<PathBuf>,
        profile: Profile,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    code: Option<Code>,
    rendered: String,
    spans: Vec<Span>,
    children: Vec<Child>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Child {
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    line_start: usize,
    is_primary: bool,
}

fn cargo(
    tree: &Tree,
    command: &[&str],
    files: &BTreeMap<String, Instrumented>,
    mutants: &[Mutant],
) -> Result<Said> {
    let output = Command::new("cargo")
        .args(command)
        .args(["--locked", "--workspace", "--message-format=json"])
        .current_dir(&tree.copy)
        .env("CARGO_TARGET_DIR", &tree.target)
        .stderr(Stdio::piped())
        .output()
        .context("run cargo")?;
    let (mut bad, mut programs, mut strange) = (BTreeSet::new(), Vec::new(), Vec::new());
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        match serde_json::from_str(line).unwrap_or(Line::Other) {
            Line::CompilerMessage { message }
                if message.level == "error" && !message.spans.is_empty() =>
            {
                let found = blamed(&message, files, mutants);
                if found.is_empty() {
                    strange.push(message.rendered);
                }
                bad.extend(found);
            }
            Line::CompilerArtifact {
                target,
                manifest_path,
                executable: Some(path),
                profile: Profile { test: true },
            } => {
                programs.push(program(target.name, &manifest_path, path)?);
            }
            _ => {}
        }
    }
    if output.status.success() {
        return Ok(Said {
            bad: None,
            programs,
        });
    }
    if bad.is_empty() {
        bail!(
            "no mutant is to blame:\n{}\n{}",
            strange.join("\n"),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(Said {
        bad: Some(bad),
        programs,
    })
}

fn program(name: String, manifest: &Path, path: PathBuf) -> Result<Program> {
    let package = manifest
        .parent()
        .context("a manifest has a directory")?
        .to_owned();
    Ok(Program {
        name,
        path,
        package,
    })
}

/// The mutants that an error is about: the one in whose text it is, or else those of the smallest piece around it.
fn blamed(
    error: &Diagnostic,
    files: &BTreeMap<String, Instrumented>,
    mutants: &[Mutant],
) -> BTreeSet<usize> {
    if error.code.as_ref().is_some_and(|code| code.code == "E0004") {
        return arms(error, files, mutants);
    }
    let mut spans: Vec<_> = error.spans.iter().collect();
    spans.sort_by_key(|span| !span.is_primary);
    let places = spans
        .iter()
        .filter_map(|span| Some((files.get(&span.file_name)?, span.byte_start..span.byte_end)));
    let places: Vec<_> = places.collect();
    let within =
        |outer: &Range, inner: &Range| outer.start <= inner.start && inner.end <= outer.end;
    for (file, place) in &places {
        let variants = file.wraps.iter().flat_map(|wrap| &wrap.variants);
        let smallest = variants
            .filter(|(_, text)| within(text, place))
            .min_by_key(|(_, text)| text.len());
        if let Some((mutant, _)) = smallest {
            return BTreeSet::from([*mutant]);
        }
    }
    let around = |(file, place): &(&Instrumented, Range)| {
        let wraps = file.wraps.iter().filter(|wrap| within(&wrap.whole, place));
        wraps
            .min_by_key(|wrap| wrap.whole.len())
            .map(|wrap| wrap.mutants.iter().copied().collect())
    };
    places.iter().find_map(around).unwrap_or_default()
}

/// A `match` lacks an arm: none of those that it has can be deleted.
fn arms(
    error: &Diagnostic,
    files: &BTreeMap<String, Instrumented>,
    mutants: &[Mutant],
) -> BTreeSet<usize> {
    let Some((span, file)) = error
        .spans
        .iter()
        .find_map(|span| Some((span, files.get(&span.file_name)?)))
    else {
        return BTreeSet::new();
    };
    let suggested = error.children.iter().flat_map(|child| &child.spans);
    let last = suggested
        .map(|span| span.line_start)
        .max()
        .unwrap_or(span.line_start);
    let line = |wrap: &Wrapped| file.text[..wrap.whole.end].lines().count();
    let arms = file
        .wraps
        .iter()
        .filter(|wrap| (span.line_start..=last).contains(&line(wrap)));
    let numbers = arms.flat_map(|wrap| wrap.mutants.iter().copied());
    numbers
        .filter(|&number| mutants[number].genre == Genre::MatchArm)
        .collect()
}
