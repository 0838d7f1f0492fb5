//! Changes the pure rooms one small thing at a time, and says which changes no unit test notices.
//!
//! The changes are those of `cargo mutants --list`. That program builds the tests anew for each of them, a minute and a half here and
//! days for all. This one writes all of them into one copy of the sources, each behind a question to a switch
//! (`if on(17) { a || b } else { a && b }`), and builds that once. It then asks every test which switches it reaches, and runs for each
//! mutant those tests alone that reach it, the quickest first, until one fails.
//!
//! What this cannot try is named in the report: mutants in `const` items and functions, and functions that return `impl Trait`.

mod build;
mod instrument;
mod mutant;
mod report;
mod run;
mod sites;
mod tree;

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: mutants LIST OUTPUT [FILE-PREFIX]";
    let list = PathBuf::from(arguments.next().context(usage)?);
    let output = PathBuf::from(arguments.next().context(usage)?);
    let only = arguments.next().unwrap_or_default();

    let mutants = mutant::read(&list)?;
    let chosen: BTreeSet<usize> = (0..mutants.len())
        .filter(|&number| mutants[number].file.starts_with(&only))
        .collect();
    anyhow::ensure!(
        !chosen.is_empty(),
        "no mutant is in a file whose path begins with {only:?}"
    );

    let tree = tree::copy(&output)?;
    let built = build::build(&tree, &mutants, &chosen)?;
    let verdicts = run::run(&built, &mutants)?;
    report::write(&output, &mutants, &built, &verdicts)
}
